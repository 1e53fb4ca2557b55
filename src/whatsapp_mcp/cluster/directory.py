"""What a server asks the database about accounts and nodes: who holds an account, which node shall start it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from psycopg.rows import class_row

from whatsapp_mcp.cluster.database import ClusterUnreachable, Connection, connect, own_address, told
from whatsapp_mcp.cluster.tables import CHANNEL, one_at_a_time, prepare
from whatsapp_mcp.cluster.times import ALIVE, FENCE, HEAD_START, RENEW, STAYS, WANTED

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class AccountHolder:
    """The session process that has an account, or had it last."""

    account: str
    node: str
    host: str
    """Empty: other nodes cannot attach to it."""
    port: int
    fingerprint: str
    place: str
    """Of its machine; see `Claim`."""
    epoch: int
    held: bool
    """It has not given the account back."""
    rest: float
    """Seconds until another may have the account though it was not given back."""

    @property
    def is_over(self) -> bool:
        """Whether another process may be started, which waits for the rest."""
        return not self.held or self.rest <= HEAD_START


@dataclass(frozen=True, slots=True)
class KnownNode:
    """One of the nodes."""

    name: str
    address: str
    version: str
    max_accounts: int | None
    draining: bool
    seconds: float
    """Since it last said that it is alive."""
    accounts: tuple[str, ...]
    """That it holds."""

    @property
    def alive(self) -> bool:
        return self.seconds < ALIVE


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account that a node was asked to start."""

    account: str
    pairing: bool
    """A device is to be linked."""
    moves: bool
    """Its holder gives it up as soon as the process here is ready."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who has an account, or had it last, as others see it."""

    node: str
    held: bool
    """It has not been given back."""
    age: float
    """Seconds since it was renewed."""
    epoch: int
    """How many have held the account so far, this one among them."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node learns when it says that it is alive."""

    draining: bool
    holds: Mapping[str, Hold]
    """By account: of all that were ever held, or of those that this node has to do with."""
    whole: bool
    """Of all."""
    wanted: tuple[WantedAccount, ...]
    """What it was asked to start."""
    orphans: tuple[str, ...]
    """Accounts whose holder has come to no orderly end."""
    held: tuple[str, ...]
    """Accounts that its session processes hold."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """All that were ever held."""
        return tuple(self.holds)


class NoRoom(Exception):
    """No node takes another account."""


class NameTaken(Exception):
    """Another node of this name is alive."""


class Directory:
    """The shared tables, for one server. Asks from one thread, so that nothing here waits for the database."""

    def __init__(self, url: str, node: str = "", *, max_accounts: int | None = None) -> None:
        """``node``: of this server; empty: it belongs to none, and starts accounts itself."""
        self._url = url
        self.node = node
        self.max_accounts = max_accounts
        self._thread = ThreadPoolExecutor(1, "cluster")
        self._connection: Connection | None = None
        self._silent_until, self._silence = 0.0, ""
        self._secret = ""
        self._changes: dict[str, asyncio.Event] = {}

    # -- about accounts -----------------------------------------------------------------------------------------------

    async def secret(self) -> str:
        """Of the cluster. Raises ClusterUnreachable."""
        if not self._secret:
            await self._ask(lambda _: None)
        return self._secret

    async def holder(self, account: str) -> AccountHolder | None:
        """Raises ClusterUnreachable."""

        def ask(connection: Connection) -> AccountHolder | None:
            with connection.cursor(row_factory=class_row(AccountHolder)) as cursor:
                return cursor.execute(
                    "SELECT account, node, host, port, fingerprint, place, epoch, held,"
                    " extract(epoch FROM heartbeat_at - clock_timestamp())::float8 + %s AS rest"
                    " FROM whatsapp_mcp.holders WHERE account = %s",
                    (FENCE, account),
                ).fetchone()

        return await self._ask(ask)

    async def choose(self, account: str, *, pairing: bool = False, moves: bool = False) -> str:
        """The node that shall start an account; one that is not ours is asked to.

        Args:
            pairing: a device is to be linked.
            moves: this node holds the account, and gives it up when that one is ready.

        Raises:
            NoRoom: there is none.
            ClusterUnreachable: the database does not answer.
        """
        if not self.node:
            return self.node

        def ask(connection: Connection) -> str:
            with connection.transaction():
                one_at_a_time(connection)
                chosen = self._chosen(connection, account)
                connection.execute(
                    "INSERT INTO whatsapp_mcp.wanted (account, node, pairing, moves, asked_at)"
                    " VALUES (%s, %s, %s, %s, clock_timestamp()) ON CONFLICT (account) DO UPDATE SET"
                    " node = excluded.node, pairing = excluded.pairing, moves = excluded.moves,"
                    f" ready = wanted.ready AND wanted.node = excluded.node AND {_FRESH},"
                    f" asked_at = CASE WHEN wanted.node = excluded.node AND {_FRESH}"
                    " THEN wanted.asked_at ELSE excluded.asked_at END",
                    (account, chosen, pairing, moves, WANTED, WANTED),
                )
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, account))
            return chosen

        return await self._ask(ask)

    def _chosen(self, connection: Connection, account: str) -> str:
        """Who was asked already; who had it until a moment ago; the emptiest, among equals we."""
        rows = connection.execute(_CANDIDATES, _candidates(account)).fetchall()
        free = [row for row in rows if row[1] is None or int(str(row[2])) < int(str(row[1]))]
        if not free:
            raise NoRoom
        name, *_ = min(free, key=lambda row: (not row[3], not row[4], row[2], row[0] != self.node, row[0]))
        return str(name)

    async def is_ready(self, account: str) -> bool:
        """Whether the process of another node waits for us to give the account up."""

        def ask(connection: Connection) -> bool:
            row = connection.execute("SELECT ready FROM whatsapp_mcp.wanted WHERE account = %s", (account,)).fetchone()
            return row is not None and bool(row[0])

        return await self._ask(ask)

    async def refuse(self, account: str) -> None:
        """This node was asked to start an account, and cannot."""

        def ask(connection: Connection) -> None:
            connection.execute("DELETE FROM whatsapp_mcp.wanted WHERE account = %s AND node = %s", (account, self.node))

        await self._ask(ask)

    def note_change(self, account: str) -> None:
        """Something happened to an account: who waits for that looks again. In the thread of the loop."""
        if (waiting := self._changes.pop(account, None)) is not None:
            waiting.set()

    async def wait_change(self, account: str, seconds: float) -> None:
        """Until something happened to an account, or so many seconds."""
        waiting = self._changes.setdefault(account, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await waiting.wait()
        except TimeoutError:
            return

    # -- about nodes --------------------------------------------------------------------------------------------------

    async def join(self, *, address: str, version: str, instance: str) -> None:
        """Be one of the nodes. One that was drained and ended without leaving takes accounts again.

        Args:
            address: for people; empty: the one by which the database is reached.
            instance: what no other process has.

        Raises:
            NameTaken: another one of this name is alive.
            ClusterUnreachable: the database does not answer.
        """

        def ask(connection: Connection) -> None:
            joined = connection.execute(
                "INSERT INTO whatsapp_mcp.nodes (name, address, version, instance, max_accounts, heartbeat_at)"
                " VALUES (%s, %s, %s, %s, %s, clock_timestamp()) ON CONFLICT (name) DO UPDATE SET"
                " address = excluded.address, version = excluded.version, instance = excluded.instance,"
                " max_accounts = excluded.max_accounts, heartbeat_at = excluded.heartbeat_at,"
                " draining = nodes.draining AND nodes.instance = excluded.instance"
                " WHERE nodes.instance = excluded.instance"
                " OR nodes.heartbeat_at < clock_timestamp() - make_interval(secs => %s) RETURNING 1",
                (self.node, address or own_address(connection), version, instance, self.max_accounts, ALIVE),
            ).fetchone()
            if joined is None:
                raise NameTaken(self.node)

        await self._ask(ask)

    async def beat(self, instance: str, *, whole: bool = True) -> Beat | None:
        """Say that this node is alive; None: another process has its name now.

        Args:
            whole: learn of all accounts; else of those that this node has, or had last, and of those whose holder does
                not renew its hold: there may be thousands of others.

        Raises:
            ClusterUnreachable: the database does not answer.
        """

        def ask(connection: Connection) -> Beat | None:
            row = connection.execute(
                "UPDATE whatsapp_mcp.nodes SET heartbeat_at = clock_timestamp() WHERE name = %s AND instance = %s"
                " RETURNING draining",
                (self.node, instance),
            ).fetchone()
            if row is None:
                return None
            wanted = connection.execute(
                f"SELECT account, pairing, moves FROM whatsapp_mcp.wanted WHERE node = %s AND NOT ready AND {_FRESH}",
                (self.node, WANTED),
            ).fetchall()
            holders = connection.execute(
                "SELECT account, node, held, extract(epoch FROM clock_timestamp() - heartbeat_at)::float8, epoch"
                " FROM whatsapp_mcp.holders WHERE %s OR node = %s"
                " OR (held AND heartbeat_at < clock_timestamp() - make_interval(secs => %s))",
                (whole, self.node, FENCE - HEAD_START),
            ).fetchall()
            known = {str(account): _hold(row) for account, *row in holders}
            return _beat(self.node, known, wanted, draining=bool(row[0]), whole=whole)

        return await self._ask(ask)

    async def leave(self, instance: str) -> None:
        """Be no node any more. Raises ClusterUnreachable."""

        def ask(connection: Connection) -> None:
            connection.execute(
                "DELETE FROM whatsapp_mcp.nodes WHERE name = %s AND instance = %s", (self.node, instance)
            )

        await self._ask(ask)

    async def set_draining(self, name: str, *, draining: bool) -> bool:
        """Have a node give its accounts away, or take some again; False when there is none of this name."""

        def ask(connection: Connection) -> bool:
            row = connection.execute(
                "UPDATE whatsapp_mcp.nodes SET draining = %s WHERE name = %s RETURNING 1", (draining, name)
            ).fetchone()
            connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
            return row is not None

        return await self._ask(ask)

    async def nodes(self) -> tuple[KnownNode, ...]:
        """All, by name. Raises ClusterUnreachable."""

        def ask(connection: Connection) -> tuple[KnownNode, ...]:
            holders = connection.execute(
                "SELECT node, account FROM whatsapp_mcp.holders WHERE held"
                " AND heartbeat_at > clock_timestamp() - make_interval(secs => %s) ORDER BY account",
                (FENCE,),
            ).fetchall()
            rows = connection.execute(
                "SELECT name, address, version, max_accounts, draining,"
                " extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 FROM whatsapp_mcp.nodes ORDER BY name"
            ).fetchall()
            return tuple(_node(row, [account for node, account in holders if node == row[0]]) for row in rows)

        return await self._ask(ask)

    # -- asking -------------------------------------------------------------------------------------------------------

    async def _ask(self, work: Callable[[Connection], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[Connection], R]) -> R:
        """In the thread. Who asks while the database does not answer is not kept waiting for that again."""
        if time.monotonic() < self._silent_until:
            raise ClusterUnreachable(self._silence)
        try:
            with told(self._url):
                if self._connection is None:
                    self._connection = connect(self._url)
                    self._secret = prepare(self._connection)
                return work(self._connection)
        except ClusterUnreachable as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._silent_until, self._silence = time.monotonic() + RENEW / 2, str(error)
            raise

    def close(self) -> None:
        """Nothing is asked any more."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


_FRESH: Final = "wanted.asked_at > clock_timestamp() - make_interval(secs => %s)"
_CANDIDATES: Final = f"""
SELECT n.name, n.max_accounts,
    (SELECT count(*) FROM (
        SELECT account FROM whatsapp_mcp.holders h WHERE h.node = n.name AND h.held AND h.account <> %(account)s
            AND h.heartbeat_at > clock_timestamp() - make_interval(secs => %(fence)s)
        UNION SELECT account FROM whatsapp_mcp.wanted WHERE wanted.node = n.name AND wanted.account <> %(account)s
            AND {_FRESH.replace("%s", "%(wanted)s")}) taken) AS load,
    EXISTS (SELECT 1 FROM whatsapp_mcp.wanted WHERE wanted.account = %(account)s AND wanted.node = n.name
        AND {_FRESH.replace("%s", "%(wanted)s")}) AS asked,
    EXISTS (SELECT 1 FROM whatsapp_mcp.holders h WHERE h.account = %(account)s AND h.node = n.name
        AND h.heartbeat_at > clock_timestamp() - make_interval(secs => %(stays)s)) AS had
FROM whatsapp_mcp.nodes n
WHERE NOT n.draining AND n.heartbeat_at > clock_timestamp() - make_interval(secs => %(alive)s)
"""


def _node(row: Sequence[Any], accounts: Sequence[Any]) -> KnownNode:
    name, address, version, most, draining, seconds = row
    return KnownNode(name, address, version, most, draining, seconds, tuple(accounts))


def _hold(row: Sequence[Any]) -> Hold:
    node, held, age, epoch = row
    return Hold(node, held, age, epoch)


def _beat(
    node: str, holds: Mapping[str, Hold], wanted: Sequence[Sequence[Any]], *, draining: bool, whole: bool
) -> Beat:
    late = frozenset(account for account, one in holds.items() if one.held and one.age >= FENCE - HEAD_START)
    return Beat(
        draining=draining,
        wanted=tuple(WantedAccount(str(row[0]), bool(row[1]), bool(row[2])) for row in wanted),
        holds=holds,
        whole=whole,
        orphans=tuple(account for account in holds if account in late),
        held=tuple(account for account, one in holds.items() if one.held and one.node == node and account not in late),
    )


def _candidates(account: str) -> dict[str, object]:
    return {"account": account, "fence": FENCE, "wanted": WANTED, "stays": STAYS, "alive": ALIVE}
