"""Whatever a client sends, it is answered, and nothing of it is a surprise to the simulator.

Elements that are missing or of another kind than thought, numbers that are none, JSON of any shape; the same
sequence in every run.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import Counter
from typing import Any

import pytest

from tests.unit.simulator.test_other_clients import login
from tests.unit.simulator.test_strictness import SERVER, ask
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.wire.node import Attr, Node

REQUESTS = 8000
STANZAS = 8000
TEXTS = ["", "0", "-1", "x", "true", "9" * 40, "9" * 5000, "²", "①", "\0", "none", "all", "query", "sub_group", "image"]
TEXTS += ["get", "add", "on", "off", "86400", "update", "delete", "3", "5", "2", "contact", "specific_hours", "retry"]
CONTENTS = [b"", b"\xff\xfe", b"\x05", b"123", b"x" * 32, b"x" * 64, b"\0\0\1", b"text", "token", b"9" * 5000]
CONTENTS += [b"\xff\xd8jpeg", b"all_member_add"]


class Chance:
    """What odd nodes and objects are filled with."""

    def __init__(self, seed: int, jids: list[Jid]) -> None:
        self._random = random.Random(seed)
        self.jids = jids

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def pick(self, some: list[Any]) -> Any:
        return self._random.choice(some)

    def attribute(self) -> Attr:
        value: Attr = self.pick(TEXTS if self.happens(0.55) else list(self.jids))
        return value

    def value(self, depth: int = 0) -> Any:
        """A value of JSON."""
        plain = [None, True, 1, -1, 10**30, 1.5, *TEXTS, *map(str, self.jids)]
        if depth > 3 or self.happens(0.5):
            return self.pick(plain)
        return OddObject(self, depth) if self.happens(0.7) else [self.value(depth + 1) for _ in range(2)]


class OddNode(Node):
    """Has, mostly, what it is asked for, but anything in it. What it once said, it says again."""

    def __init__(self, chance: Chance, tag: str, depth: int = 0, **attrs: Attr) -> None:
        super().__init__(tag, {name.rstrip("_"): value for name, value in attrs.items()})
        self.chance, self.depth = chance, depth
        self.asked: set[str] = set()

    def _fill(self, name: str) -> None:
        if name not in self.attrs and name not in self.asked and self.chance.happens(0.75):
            self.attrs[name] = self.chance.attribute()
        self.asked.add(name)

    def get(self, name: str, default: str = "") -> str:
        self._fill(name)
        return super().get(name, default)

    def jid(self, name: str) -> Jid | None:
        self._fill(name)
        return super().jid(name)

    def children(self, tag: str | None = None) -> list[Node]:
        if self.content is None:
            self.content = self.chance.pick(CONTENTS) if self.chance.happens(0.1) else []
        if isinstance(self.content, list) and tag is not None and f"<{tag}>" not in self.asked and self.depth < 6:
            self.asked.add(f"<{tag}>")
            many = 200 if self.chance.happens(0.01) else self.chance.pick([0, 1, 1, 1, 1, 2])
            self.content += [OddNode(self.chance, tag, self.depth + 1) for _ in range(many)]
        return super().children(tag)

    @property
    def data(self) -> bytes:
        if self.content is None:
            self.content = self.chance.pick(CONTENTS)
        if isinstance(self.content, str):
            return self.content.encode()
        return self.content if isinstance(self.content, bytes) else b""


class OddObject(dict[str, Any]):
    """The same in JSON."""

    def __init__(self, chance: Chance, depth: int = 0) -> None:
        super().__init__()
        self.chance, self.depth = chance, depth
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self.asked:
            self.asked.add(key)
            if self.chance.happens(0.85):
                self[key] = self.chance.value(self.depth + 1)
        return super().get(key, default)


async def world(seed: int) -> tuple[Simulator, Chance]:
    simulator = Simulator()
    phone = simulator.phone
    phone.account.business_name = "Robin's"
    ana = await simulator.add_contact("Ana")
    shop = await simulator.add_contact("Petal", business_name="Petal & Stem")
    group = await simulator.add_group("Trip", [phone, ana])
    town = await simulator.add_group("Town", [phone], community=True)
    own, other = simulator.add_newsletter("Mine", owner=phone, posts=["one"]), simulator.add_newsletter("Others")
    places = [group.jid, town.jid, town.linked_groups[0].jid, own.jid, other.jid, Jid("", "g.us"), SERVER]
    people = [ana.account.pn, ana.account.lid, ana.device.lid, phone.account.lid, shop.account.pn]
    odd = [Jid("x" * 300, "lid"), Jid("1", "nowhere"), Jid("status", "broadcast"), Jid("1", "s.whatsapp.net", 99)]
    return simulator, Chance(seed, [*places, *people, *odd])


def complaints(caplog: pytest.LogCaptureFixture) -> Counter[str]:
    return Counter(record.getMessage()[:200] for record in caplog.records if record.levelno >= logging.ERROR)


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_request_is_answered(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    simulator, chance = await world(seed)
    caplog.set_level(logging.ERROR)
    about_groups = [tag for _, tag in simulator.groups.requests.kinds]
    answered: Counter[str] = Counter()
    for _ in range(REQUESTS):
        xmlns, kind = chance.pick(simulator.router.requests)
        request: Node = OddNode(chance, "iq", xmlns=xmlns, type=kind, id="1")
        if xmlns == "w:g2":
            inner: list[Node] = [OddNode(chance, chance.pick(about_groups), 1)]
            request = Node("iq", {**request.attrs, "to": chance.pick(chance.jids)}, inner)
        answers: list[Node] = []
        simulator.router.dispatch(simulator.phone.device, request, answers.append)
        assert [answer.get("type") in ("result", "error") for answer in answers] == [True], request.xml()
        error = answers[0].child("error")
        answered["" if error is None else error.get("code")] += 1
    assert answered["500"] == 0 and not complaints(caplog), complaints(caplog)
    assert {"", "400", "403", "404", "501"} <= {code for code, count in answered.items() if count > 10}


async def test_every_query_in_json_is_answered(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, chance = await world(3)
    caplog.set_level(logging.ERROR)
    mex = simulator.mex
    load = json.loads
    monkeypatch.setattr("whatsapp_mcp.simulator.service.mex.json.loads", lambda data: {"variables": OddObject(chance)})
    answered: Counter[str] = Counter()
    for _ in range(REQUESTS):
        asked = Node("query", {"query_id": chance.pick(mex.queries)}, b"{}")
        request = Node("iq", {"xmlns": "w:mex", "type": "get", "id": "1", "to": SERVER}, [asked])
        answers: list[Node] = []
        simulator.router.dispatch(simulator.phone.device, request, answers.append)
        result, error = answers[0].child("result"), answers[0].child("error")
        if result is not None:
            said = load(result.data)
            answered[str(said["errors"][0]["extensions"]["error_code"]) if "errors" in said else ""] += 1
        else:
            assert error is not None
            answered[error.get("code")] += 1
    assert answered["500"] == 0 and not complaints(caplog), complaints(caplog)
    assert {"", "400", "404"} <= {code for code, count in answered.items() if count > 10}


async def test_no_stanza_is_a_surprise(caplog: pytest.LogCaptureFixture) -> None:
    simulator, chance = await world(4)
    caplog.set_level(logging.ERROR)
    tags = [tag for tag in simulator.router.stanzas if tag != "iq"]
    for number in range(STANZAS):
        stanza = OddNode(chance, chance.pick(tags), id=f"m{number}")
        if chance.happens(0.9):
            stanza.attrs["to"] = chance.pick(chance.jids)
        if chance.happens(0.1):
            del stanza.attrs["id"]
        simulator.router.dispatch(simulator.phone.device, stanza, lambda answer: None)
        await asyncio.sleep(0)  # simulated people take in what was passed on
    assert not complaints(caplog), complaints(caplog)


async def test_large_and_deep_requests_of_a_connected_client() -> None:
    async with Simulator() as simulator:
        client, _ = await login(simulator)
        group = await simulator.add_group("Trip", [simulator.phone])
        many = [Node("participant", {"jid": Jid(str(10**14 + number), "lid")}) for number in range(20_000)]
        client.send(Node("iq", {"to": group.jid, "id": "g1", "xmlns": "w:g2", "type": "set"}, [Node("add", {}, many)]))
        while (answer := await client.receive()).get("id") != "g1":
            pass
        added = answer.child("add")
        assert added is not None and {one.get("error") for one in added.children()} == {"404"}
        deep = Node("unheard-of")
        for _ in range(20):
            deep = Node("unheard-of", {}, [deep])
        refused = (await ask(client, "w:biz", "get", deep)).child("error")
        assert refused is not None and refused.get("code") == "501"
