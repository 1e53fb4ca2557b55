"""One webhook: each event in its order, at least once, and an end to trying."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.unit.store.build import ANA, BORIS, NOW, Store, message, reaction, revoke
from tests.unit.systems import POSIX
from tests.unit.waiting import WAIT
from tests.unit.webhooks.test_posting import SECRET
from tests.unit.webhooks.written import write_progress
from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.models.changes import Live
from whatsapp_mcp.models.events import KEPT, USUAL, EventKind
from whatsapp_mcp.policy.audit import AuditLog, AuditRecord
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.webhooks import delivery as module
from whatsapp_mcp.webhooks.book import Webhook, WebhookBook
from whatsapp_mcp.webhooks.delivery import Delivery
from whatsapp_mcp.webhooks.feed import AT_ONCE, Feed
from whatsapp_mcp.webhooks.posting import PostResult, PostVerdict
from whatsapp_mcp.webhooks.progress import Standing, WrittenProgress, read_progress
from whatsapp_mcp.webhooks.signing import LARGEST_BODY

OK = PostResult(PostVerdict.TAKEN, "it answered 200")
DOWN = PostResult(PostVerdict.FAILED, "it answered 503")
NO = PostResult(PostVerdict.REFUSED, "it answered 400")
GONE = PostResult(PostVerdict.GONE, "it answered 410")


class Lines(AuditLog):
    """The audit, in memory."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []

    def write(self, *records: AuditRecord) -> None:
        self.records += records


class World:
    """A store, and a receiver that answers as it is told, in no time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "messages.db")
        self.feed = Feed(self.store.path, PolicyFile(folder / "policy.toml", "open"))
        self.answers: list[PostResult] = []
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.waits: list[float] = []
        self.audit = Lines()
        self.now = NOW

    def happen(self, *changes: Any) -> None:
        self.store.apply([Live(change) for change in changes])
        self.feed.stored()

    async def post(self, _webhook: Webhook, message_id: str, body: bytes) -> PostResult:
        answer = self.answers.pop(0) if self.answers else OK
        if answer is OK:
            self.got.append((message_id, json.loads(body)))
        return answer

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += int(seconds * 1_000)
        await anyio.lowlevel.checkpoint()

    def delivery(self, standing: Standing | None = None, **more: Any) -> Delivery:
        facts = {"name": "bot", "id": "abc", "url": "https://example.com", "secret": SECRET, "kinds": USUAL}
        return Delivery(
            Webhook.model_validate(facts | more),
            standing or Standing(),
            self.feed,
            self.post,
            account="default",
            audit=self.audit,
            changed=lambda: None,
            now=lambda: self.now,
            sleep=self.sleep,
            chance=lambda: 1.0,
        )

    async def until(self, delivery: Delivery, condition: Callable[[], bool]) -> Standing:
        """Deliver until something holds."""
        with anyio.fail_after(WAIT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(delivery.run)
                while not condition():
                    await anyio.sleep(0.002)
                tasks.cancel_scope.cancel()
        return delivery.standing

    def ids(self) -> list[str]:
        return [body["data"]["message_id"] for _, body in self.got]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.feed.close()
    world.store.close()


async def test_in_order_and_once(world: World) -> None:
    world.happen(message("A1", 1, "hi"), reaction("A1", 2, "👍"))
    delivery = world.delivery()

    async def later() -> None:
        while len(world.got) < 2:
            await anyio.sleep(0.002)
        world.happen(message("A2", 3))
        delivery.stored()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later)
        standing = await world.until(delivery, lambda: len(world.got) == 3)
    (_, came), (_, reacted), (_, more) = world.got
    assert (came["type"], came["account"], came["data"]["message"]["content"]) == ("message", "default", "hi")
    assert came["timestamp"].endswith("Z")
    assert (reacted["type"], reacted["data"]["emoji"], reacted["data"]["chat_jid"]) == ("reaction", "👍", str(ANA))
    assert more["data"]["message_id"] == "A2"
    assert len({message_id for message_id, _ in world.got}) == 3
    assert standing.delivered == 3
    assert [record.operation for record in world.audit.records] == [
        "webhook.message",
        "webhook.reaction",
        "webhook.message",
    ]
    assert (world.audit.records[0].host, world.audit.records[0].chats) == ("bot", (ANA,))
    assert world.audit.records[0].body is None


async def test_the_next_process_goes_on_and_what_it_repeats_has_the_same_id(world: World) -> None:
    world.happen(message("A1", 1), message("A2", 2))
    standing = await world.until(world.delivery(), lambda: len(world.got) == 2)
    await world.until(world.delivery(standing.model_copy()), lambda: True)
    assert world.ids() == ["A1", "A2"]
    await world.until(world.delivery(Standing()), lambda: len(world.got) == 4)
    assert world.got[2:] == world.got[:2], "as after a crash before it was written down"
    await world.until(world.delivery(Standing(), id="other"), lambda: len(world.got) == 6)
    assert world.got[4][0] != world.got[0][0], "a webhook that was made anew"


async def test_who_is_down_gets_it_later_and_later(world: World) -> None:
    world.answers = [DOWN] * 14 + [PostResult(PostVerdict.FAILED, "it answered 429", 30.0), OK]
    world.happen(message("A1", 1), message("A2", 2))
    delivery = world.delivery()
    standing = await world.until(delivery, lambda: len(world.got) == 2)
    assert world.ids() == ["A1", "A2"]
    assert world.waits == [*(float(1 << n) for n in range(10)), 900.0, 900.0, 900.0, 900.0, 30.0]
    assert (standing.failing_since, standing.error, standing.tries) == (None, None, 0)


async def test_it_is_tried_for_three_days_and_then_stopped(world: World) -> None:
    world.answers = [DOWN] * 10_000
    world.happen(message("A1", 1), message("A2", 2))
    delivery = world.delivery()
    standing = await world.until(delivery, lambda: delivery.standing.stopped_at is not None)
    assert standing.stopped_at is not None
    assert standing.stopped_at - NOW >= module.STOPPED_AFTER
    assert (standing.position, world.got) == (0, []), "nothing is passed over"
    assert [record.decision.value for record in world.audit.records] == ["failed"]
    world.answers = []
    await world.until(world.delivery(standing), lambda: True)
    assert world.got == [], "it stays stopped"
    await world.until(world.delivery(standing, resumed=1), lambda: len(world.got) == 2)
    assert world.ids() == ["A1", "A2"], "the owner let it go on"


async def test_resumed_without_what_waits(world: World) -> None:
    world.happen(message("A1", 1), message("A2", 2))
    stopped = Standing(stopped_at=NOW, failing_since=NOW, error="it answered 410", tries=3)
    await world.until(world.delivery(stopped, resumed=1, since=1), lambda: len(world.got) == 1)
    assert world.ids() == ["A2"]


async def test_what_is_refused_is_passed_over(world: World) -> None:
    world.answers = [NO] * module.REFUSALS
    world.happen(message("A1", 1), message("A2", 2))
    delivery = world.delivery()
    standing = await world.until(delivery, lambda: len(world.got) == 1)
    assert world.ids() == ["A2"]
    assert (standing.refused, standing.delivered, standing.failing_since) == (1, 1, None)
    assert [(record.decision.value, record.error) for record in world.audit.records] == [
        ("failed", "refused"),
        ("allowed", None),
    ]


async def test_gone_stops_it_at_once(world: World) -> None:
    world.answers = [GONE]
    world.happen(message("A1", 1))
    delivery = world.delivery()
    standing = await world.until(delivery, lambda: delivery.standing.stopped_at is not None)
    assert (standing.position, standing.error) == (0, "it answered 410")


async def test_what_is_deleted_meanwhile_is_not_told(world: World) -> None:
    world.answers = [DOWN]
    world.happen(message("A1", 1, "a secret"))
    delivery = world.delivery(kinds=[EventKind.MESSAGE])
    forget = world.sleep

    async def sleep(seconds: float) -> None:
        world.happen(revoke("A1", 2, author=ANA))
        await forget(seconds)

    delivery._sleep = sleep
    await world.until(delivery, lambda: len(world.got) == 1)
    assert "secret" not in str(world.got)
    assert world.got[0][1]["data"]["message"]["revoked"] is True


async def test_kinds_and_chats(world: World) -> None:
    world.happen(
        message("A1", 1),
        message("B1", 2, chat=BORIS),
        reaction("B1", 3, "👍", chat=BORIS),
        reaction("A1", 4, "👎"),
    )
    only = world.delivery(kinds=[EventKind.REACTION], chats=[f"+{BORIS.user}"])
    standing = await world.until(only, lambda: only.standing.position == 4)
    assert [body["data"]["emoji"] for _, body in world.got] == ["👍"]
    assert standing.delivered == 1


async def test_chats_that_may_not_be_read_are_not_delivered(world: World) -> None:
    policy = world.folder / "policy.toml"
    policy.write_text(f'[read]\ndeny = ["+{BORIS.user}"]\n')
    policy.chmod(0o600)
    world.happen(message("B1", 1, chat=BORIS), message("A1", 2), reaction("B1", 3, "👍", chat=BORIS))
    delivery = world.delivery(chats=["*"])
    await world.until(delivery, lambda: delivery.standing.position == 3)
    assert world.ids() == ["A1"]
    assert str(BORIS.user) not in str(world.got)


async def test_a_locked_account_delivers_nothing(world: World) -> None:
    locked = Feed(world.store.path, PolicyFile(world.folder / "none.toml", "locked"))
    world.happen(message("A1", 1))
    batch = await locked.after(0)
    assert (batch.events, batch.until) == ((), 1)
    locked.close()


async def test_long_ways_are_read_in_parts(world: World) -> None:
    world.happen(*(message(f"A{number}", number) for number in range(AT_ONCE * 2 + 1)))
    await world.until(world.delivery(), lambda: len(world.got) == AT_ONCE * 2 + 1)
    assert world.ids() == [f"A{number}" for number in range(AT_ONCE * 2 + 1)]


async def test_many_at_one_place_read_once(world: World) -> None:
    world.happen(message("A1", 1))
    batches = [await world.feed.after(0) for _ in range(3)]
    assert batches[0] is batches[1] is batches[2]
    world.happen(message("A2", 2))
    assert len((await world.feed.after(0)).events) == 2
    policy = world.folder / "policy.toml"
    policy.write_text(f'[read]\ndeny = ["+{ANA.user}"]\n')
    policy.chmod(0o600)
    assert (await world.feed.after(0)).events == (), "a change of the policy is followed at once"


async def test_what_is_large_is_sent_in_few_words(world: World) -> None:
    extra: dict[str, object] = {"facts": ["x" * 10_000] * 100}
    world.happen(message("A1", 1, "long", extra=extra))
    await world.until(world.delivery(), lambda: len(world.got) == 1)
    assert len(str(world.got[0][1])) < LARGEST_BODY
    assert world.got[0][1]["data"]["content"] == "long"


async def test_another_account_begins_anew(world: World) -> None:
    world.happen(message("A1", 1))
    await world.until(world.delivery(Standing(position=1_000)), lambda: len(world.got) == 1)


def test_the_book(tmp_path: Path) -> None:
    book = WebhookBook(tmp_path / "webhooks.json")
    assert book.webhooks() == ()
    made = book.add("bot", "https://example.com", kinds=KEPT, since=5)
    assert made.secret.startswith("whsec_")
    assert len(made.key) == 32
    assert book.webhooks() == (made,)
    assert not POSIX or (tmp_path / "webhooks.json").stat().st_mode & 0o077 == 0
    with pytest.raises(SetupError, match="already"):
        book.add("bot", "https://example.com", kinds=KEPT)
    with pytest.raises(SetupError, match="no chat"):
        book.add("other", "https://example.com", kinds=KEPT, chats=("nonsense",))
    book.resume("bot", since=9)
    assert (book.named("bot").resumed, book.named("bot").since) == (1, 9)
    with pytest.raises(NotFound):
        book.remove("nobody")
    book.remove("bot")
    assert not (tmp_path / "webhooks.json").exists(), "nobody starts a deliverer for it"
    (tmp_path / "webhooks.json").write_text("{")
    (tmp_path / "webhooks.json").chmod(0o600)
    with pytest.raises(SetupError, match="can be read"):
        book.webhooks()


def test_progress_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    assert read_progress(path) == {}
    standings = {"abc": Standing(position=7, delivered=3, error="it answered 500", failing_since=NOW)}
    write_progress(path, standings)
    assert read_progress(path) == standings
    written = WrittenProgress(path)
    written.note(standings | {"def": Standing(position=2)})
    written.note({"def": Standing(position=3)})
    written.write()
    assert read_progress(path) == standings | {"def": Standing(position=3)}
    written.forget("abc")
    written.write()
    assert read_progress(path) == {"def": Standing(position=3)}
    path.write_text("nonsense")
    assert read_progress(path) == {}
