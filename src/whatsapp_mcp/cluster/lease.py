"""The lease of an account: one session process holds it, wherever it runs, and knows in time when it does no more.

It is an advisory lock on a connection of its own, and a row that is renewed every second. The lock tells at once that a
holder died; the row is what counts: with it, the next one waits until a holder that cannot reach the database has
disconnected (`times`). A holder whose connection breaks goes on if it can renew the row in time over another one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import psycopg
from psycopg.rows import class_row

from whatsapp_mcp.cluster.database import ClusterUnreachable, Connection, connect, own_address, told
from whatsapp_mcp.cluster.names import BITS, application_tag, lock_key
from whatsapp_mcp.cluster.tables import CHANNEL, prepare
from whatsapp_mcp.cluster.times import FENCE, HEAD_START, KILL, LIMIT, MOVE_PATIENCE, PATIENCE, RENEW
from whatsapp_mcp.platform.deadline import Deadline, boot_clock

logger = logging.getLogger(__name__)

_LOOK: Final = 0.05
"""Seconds between two tries to take a lease that is about to be free."""
_WATCH: Final = 0.2
"""Seconds between two looks at the clock: what waits for longer would not notice that the computer slept."""


_OURS: Final = "account = %s AND epoch = %s AND node = %s"
"""The epochs of an account that was removed and is made again begin anew: one that was stopped all the while is known
by its machine."""


class HeldElsewhere(Exception):
    """Another session process holds the account."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


class NotWanted(Exception):
    """Nobody waits for the lease any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants to hold an account, and where it can be reached."""

    account: str
    node: str
    host: str = ""
    """Empty: from this machine only."""
    port: int = 0
    fingerprint: str = ""
    place: str = ""
    """What two session processes have in common of which the second is started only after the first has ended: the
    lock file of a machine. Empty: nobody knows."""
    pid: int = 0
    tag: str = ""
    """The application name of all connections of this process to the database."""
    waits: bool = False
    """The holder is about to give the account up: it is told that we are ready, and waited for."""


class Lease:
    """An account that this process holds."""

    def __init__(self, url: str, claim: Claim, connection: Connection, epoch: int, confirmed: float) -> None:
        """See `take`."""
        self._url = url
        self._claim = claim
        self._connection: Connection | None = connection
        self._locked = True
        self.epoch = epoch
        self._confirmed = confirmed
        """When the last renewal that was confirmed was sent."""
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self._is_lost = False
        self._lost: Callable[[str], None] = lambda _: None
        self._deadline = Deadline()
        self._deadline.end_process_in(confirmed + KILL - boot_clock())

    def keep(self, lost: Callable[[str], None]) -> None:
        """Renew it from now on.

        Args:
            lost: is called once, in a thread of ours, when that failed for too long, or another has it, and told why;
                there is a second then until this process is ended.
        """
        self._lost = lost
        for work in (self._renew_for_ever, self._watch):
            threading.Thread(target=work, name="lease", daemon=True).start()

    @property
    def is_ours(self) -> bool:
        """Whether nobody else can have it, as far as this process knows."""
        return not self._is_lost and boot_clock() - self._confirmed < LIMIT

    def confirm(self) -> bool:
        """Ask the database whether it is ours."""
        try:
            self._renew()
        except ClusterUnreachable:
            return False
        return self.is_ours

    @property
    def guard(self) -> str:
        """A statement at the beginning of a transaction that writes to the account: it finds a row if the account is
        ours, and then nobody takes it before the transaction ends."""
        node = self._claim.node.replace("'", "''")
        return (
            f"SELECT 1 FROM whatsapp_mcp.holders WHERE account = '{self._claim.account}' AND epoch = {self.epoch}"
            f" AND node = '{node}' FOR KEY SHARE"
        )

    def leave_off(self) -> None:
        """Renew it no more: it is given back in a moment, and what is done until then can take its row away."""
        self._ended.set()
        with self._renewing:
            pass

    def release(self) -> None:
        """Give it back, when nothing is done with the account any more: the next one can take it at once."""
        self._ended.set()
        with self._renewing:
            try:
                with told(self._url):
                    connection = self._connection or connect(self._url)
                    connection.execute(
                        f"UPDATE whatsapp_mcp.holders SET held = false WHERE {_OURS}",
                        (self._claim.account, self.epoch, self._claim.node),
                    )
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, self._claim.account))
                    connection.close()
            except ClusterUnreachable as error:
                logger.warning("the lease of the account could not be given back: %s", error)
            self._connection = None
        self._deadline.cancel()

    # -- in threads of ours -------------------------------------------------------------------------------------------

    def _renew_for_ever(self) -> None:
        while not self._ended.wait(max(0.0, self._confirmed + RENEW - boot_clock())):
            try:
                self._renew()
            except ClusterUnreachable as error:
                logger.warning("the lease of the account could not be renewed: %s", error)
                self._ended.wait(_LOOK)

    def _renew(self) -> None:
        with self._renewing, told(self._url):
            if self._ended.is_set():
                return
            try:
                self._renew_once()
            except (psycopg.Error, ClusterUnreachable):
                if self._connection is not None:
                    self._connection.close()
                self._connection, self._locked = None, False
                raise

    def _renew_once(self) -> None:
        if self._connection is None:
            self._connection = connect(self._url)
        if not self._locked:
            self._locked = _lock(self._connection, self._claim.account)
        began = boot_clock()
        renewed = self._connection.execute(
            f"UPDATE whatsapp_mcp.holders SET heartbeat_at = clock_timestamp() WHERE {_OURS} AND held RETURNING 1",
            (self._claim.account, self.epoch, self._claim.node),
        ).fetchone()
        if renewed is None:
            self._lose("another node has taken the account over")
            return
        self._confirmed = began
        self._deadline.end_process_in(began + KILL - boot_clock())

    def _watch(self) -> None:
        while not self._ended.wait(_WATCH):
            if boot_clock() - self._confirmed >= LIMIT:
                self._lose("the database cannot be reached, so that another node may take the account over")

    def _lose(self, why: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._ended.set()
            threading.Thread(target=self._lost, args=(why,), name="lease lost", daemon=True).start()


def take(url: str, claim: Claim, *, patience: float = FENCE + 1, given_up: Callable[[], bool] = lambda: False) -> Lease:
    """Take the account; waits until its last holder is sure to have ended.

    Args:
        patience: seconds after which a holder that does not come to an end is taken for alive.
        given_up: whether nobody wants it any more.

    Raises:
        HeldElsewhere: another session process has it.
        NotWanted: it was given up.
        ClusterUnreachable: the database does not answer.
    """
    attempt = _Attempt(url, claim, time.monotonic() + (MOVE_PATIENCE if claim.waits else patience))
    try:
        while not given_up():
            if (lease := attempt.once()) is not None:
                return lease
            time.sleep(_LOOK)
        raise NotWanted
    except BaseException:
        attempt.connection.close()
        raise


def introduction(url: str) -> tuple[str, str]:
    """The secret of the cluster, and the address by which this machine reaches the database.

    Raises:
        ClusterUnreachable: the database does not answer.
    """
    with told(url), connect(url) as connection:
        return prepare(connection), own_address(connection)


@dataclass(frozen=True, slots=True)
class _Found:
    """The row of the last holder."""

    node: str
    place: str
    held: bool
    epoch: int
    heartbeat: object
    rest: float
    """Seconds until its time is over, by the database's clock."""


class _Attempt:
    """To take the lease of one account."""

    def __init__(self, url: str, claim: Claim, until: float) -> None:
        self._url = url
        self._claim = claim
        self._until = until
        self._locked = False
        self._first: _Found | None = None
        self._locked_by: int | None = None
        self._locked_since = 0.0
        self.connection = connect(url)
        with told(url):
            prepare(self.connection)

    def once(self) -> Lease | None:
        """None: not now, but soon."""
        with told(self._url):
            self._locked = self._locked or _lock(self.connection, self._claim.account)
            found = self._find()
            if found is None or not found.held or found.rest <= 0 or self._succeeds(found):
                if self._locked:
                    return self._claim_it(found)
                self._look_at_lock()
                return None
            if self._claim.waits:
                self._say_ready()
            elif self._is_kept(found):
                self._leave(found)
            self._first = found
        if time.monotonic() > self._until:
            self._leave(found)
        return None

    def _is_kept(self, found: _Found) -> bool:
        """Whether the holder renews its lease, or has its connection and no reason to be taken for dead."""
        renewed = self._first is not None and self._first.heartbeat != found.heartbeat
        return renewed or not (self._locked or found.rest <= HEAD_START)

    def _say_ready(self) -> None:
        if self._first is None:
            account = self._claim.account
            self.connection.execute("UPDATE whatsapp_mcp.wanted SET ready = true WHERE account = %s", (account,))
            self.connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, account))

    def _leave(self, found: _Found) -> NoReturn:
        raise HeldElsewhere(found.node)

    def _succeeds(self, found: _Found) -> bool:
        """Whether the lock file of this machine says that it has ended."""
        return bool(found.place) and found.place == self._claim.place

    def _find(self) -> _Found | None:
        with self.connection.cursor(row_factory=class_row(_Found)) as cursor:
            return cursor.execute(
                "SELECT node, place, held, epoch, heartbeat_at AS heartbeat,"
                " extract(epoch FROM heartbeat_at - clock_timestamp())::float8 + %s AS rest"
                " FROM whatsapp_mcp.holders WHERE account = %s",
                (FENCE, self._claim.account),
            ).fetchone()

    def _claim_it(self, found: _Found | None) -> Lease | None:
        """The row is as it was found, or somebody has been quicker."""
        claim = self._claim
        _end_connections(self.connection, claim)
        began = boot_clock()
        row = self.connection.execute(
            "INSERT INTO whatsapp_mcp.holders AS last"
            " (account, node, host, port, fingerprint, place, pid, epoch, held, heartbeat_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 1, true, clock_timestamp())"
            " ON CONFLICT (account) DO UPDATE SET node = excluded.node, host = excluded.host, port = excluded.port,"
            " fingerprint = excluded.fingerprint, place = excluded.place, pid = excluded.pid,"
            " epoch = last.epoch + 1, held = true, heartbeat_at = excluded.heartbeat_at"
            " WHERE last.epoch = %s AND (NOT last.held OR last.heartbeat_at = %s) RETURNING epoch",
            (claim.account, claim.node, claim.host, claim.port, claim.fingerprint, claim.place, claim.pid)
            + ((found.epoch, found.heartbeat) if found is not None else (0, None)),
        ).fetchone()
        if row is None:
            return None
        self.connection.execute("DELETE FROM whatsapp_mcp.wanted WHERE account = %s", (claim.account,))
        self.connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, claim.account))
        return Lease(self._url, claim, self.connection, int(str(row[0])), began)

    def _look_at_lock(self) -> None:
        """Its time is over, and its connection is there: a process that is stopped or cut off, or one that is as quick
        as we are. After a little patience the connection is ended."""
        key = lock_key(self._claim.account) & BITS
        row = self.connection.execute(_HOLDER_OF_LOCK, (key >> 32, key & 0xFFFF_FFFF)).fetchone()
        by = int(str(row[0])) if row is not None else None
        if by is None or by != self._locked_by:
            self._locked_by, self._locked_since = by, time.monotonic()
        elif time.monotonic() - self._locked_since > PATIENCE:
            self.connection.execute("SELECT pg_terminate_backend(%s)", (by,))


_HOLDER_OF_LOCK: Final = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint = %s AND objid::bigint = %s"
)


def _lock(connection: Connection, account: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock_key(account),)).fetchone()
    return row is not None and bool(row[0])


def _end_connections(connection: Connection, claim: Claim) -> None:
    """Those of session processes of the account before this one: neonize's too, which knows of no epoch."""
    if claim.tag:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE starts_with(application_name, %s) AND application_name <> %s AND pid <> pg_backend_pid()",
            (application_tag(claim.account, ""), claim.tag),
        )
