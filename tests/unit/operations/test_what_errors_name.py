"""What an error names is an argument of the operation that was called, and is meant as what it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.operations.bench import BadArguments, Bench, catalog
from tests.unit.operations.fakes import ANA, BO, ME, NOW, TEAM, milliseconds
from tests.unit.operations.test_every_address import CHANNEL, LIST, _Silent
from tests.unit.operations.test_gate import of
from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.changes import ContactSeen, MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind

OPERATIONS: Final = catalog().operations
PARAMETERS: Final = {name for operation in OPERATIONS for name in operation.input_schema["properties"]}
TELLING: Final = {name for name in PARAMETERS if "_" in name}
"""Names that are no words of a sentence."""
RESULTS: Final = {"message_id", "chat_jid", "idempotency_key"}
"""What results and every kind of send know too."""
HELD: Final = "held-0123456789abcdef"
NAMES: Final = ("Nobody Here", "Ana", "Twin", "x@y.z", "1", "+49", str(CHANNEL), str(LIST), str(TEAM), str(BO), str(ME))
IDS: Final = ("NONE", "DOUBLE", "NOTICE", "MINE", "GONE", "M1", "M1 from 1@lid in 2@lid", f"M1 from {ANA} in {BO}")
FILES: Final = ("image", "audio", "video", "file", "sticker", "avatar", "photo")
VALUES: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("phone", "chat_jid", "group_id", "newsletter_id", "sender", "caller_jid", "contact_phone"), NAMES),
    **dict.fromkeys(("participants", "mentions"), tuple([name] for name in NAMES)),
    **dict.fromkeys(("message_id", "reply_message_id"), IDS),
    **dict.fromkeys(
        FILES,
        (
            "/nowhere/a.png",
            "a.png",
            "data:,",
            "data:image/png;base64,!",
            "ftp://x/y",
            "http://127.0.0.1/",
            "DOUBLE",
            "3EB0A1B2C3D4E5F60718",
        ),
    ),
    **dict.fromkeys(
        ("image_url", "audio_url", "video_url", "file_url", "sticker_url"), ("nowhere", "http://[::1]/", "data:,x")
    ),
    **dict.fromkeys(("start_time", "end_time"), ("2026-01-31T18:30:00Z", "someday")),
    "link": ("nowhere", "https://chat.whatsapp.com/", "http://127.0.0.1/"),
    "cursor": ("nonsense", "1", "1.2.3"),
    "query": ("-word", "*", '"'),
    "by_relevance": (True,),
    "text_offset": (5, 10**6),
    "latitude": ("north", "91"),
    "longitude": ("east",),
    "emoji": ("word", "xx"),
    "options": (["a", "a"], ["a"]),
    "max_answer": (12,),
    "message": (" ", "x"),
    "duration": (5,),
    "timer_seconds": (5,),
    "limit": (0, 1000),
    "idempotency_key": ("used",),
}


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    text = Content(MessageKind.TEXT, "hello")
    at = milliseconds(NOW)
    bench.people()
    bench.writer.apply(
        [
            *(MessageReceived("M1", chat, sender, at, text) for chat, sender in ((ANA, ANA), (CHANNEL, CHANNEL))),
            *(MessageReceived("DOUBLE", TEAM, sender, at, text) for sender in (ANA, BO)),
            *(MessageReceived("DOUBLE", sender, sender, at, text) for sender in (ANA, BO)),
            MessageReceived("NOTICE", TEAM, ANA, at, Content(MessageKind.NOTICE, "Ana left")),
            MessageReceived("NOTICE", ANA, ANA, at, Content(MessageKind.NOTICE, "Ana left")),
            MessageReceived("MINE", ANA, ME, at, text, from_me=True),
            MessageReceived("LONGAGO", ANA, ME, 1_000_000_000_000, text, from_me=True),
            *(
                ContactSeen(person.__class__(f"49151000000{n}", person.server), full_name="Twin")
                for n, person in ((21, ANA), (22, ANA))
            ),
        ]
    )
    bench.session.answers = _Silent()
    # Linked long ago: nobody waits for names that may still be on their way.
    bench.session.snapshot = bench.session.snapshot.model_copy(update={"since": NOW - timedelta(days=1)})
    yield bench
    bench.close()


def calls(operation: Operation) -> Iterator[dict[str, Any]]:
    """The operation as it should be called, each time with one argument that is hard to take."""
    good = of(operation)
    if "timeout" in operation.input_schema["properties"]:
        good["timeout"] = 0
    if operation.name != "sendFile":  # which sends it as it is; the others would unpack a picture at each call
        good |= dict.fromkeys(good.keys() & FILES, "/nowhere/file")
    for name, schema in operation.input_schema["properties"].items():
        for value in VALUES.get(name, ("nonsense",) if schema["type"] == "string" and "enum" not in schema else ()):
            given = good | {name: value}
            other = next((o for group in operation.exactly_one if name in group for o in group if o != name), None)
            given.pop(other, None)
            yield given
            if "phone" in given and "message_id" in given and name == "message_id":
                yield given | {"phone": str(TEAM)}
            if name == "reply_message_id":
                yield given | {"phone": str(TEAM)}
            if name == "by_relevance":
                yield given | {"cursor": "1"}
            if name == "start_time":
                yield given | {"end_time": "2020-01-31T18:30:00Z"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_every_error_names_what_this_operation_has(crowded: Bench, operation: Operation) -> None:
    known = operation.input_schema["properties"].keys()
    for given in calls(operation):
        try:
            await crowded.run(operation.name, **given)
        except BadArguments as error:
            assert {re.sub(r"\W.*", "", field) for field in error.fields} <= known, given
        except WhatsAppMcpError as error:
            field = error.details.get("field")
            said = f"{error.message} {error.next_step}"
            assert field is None or field in known, (given, said)
            named = set(re.findall(r"\w+", said)) & TELLING
            assert named <= known | RESULTS, (given, said)
            begins = re.match(r"(\w+)(?:\[\d+\])?: ", error.message)
            assert begins is None or begins[1] in known, (given, said)
            assert "with phone" not in said
            assert "internal" not in error.code, (given, said)
