"""`whatsapp-mcp export`: what is written, for whom, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.unit.offline.served import served
from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    CARLA,
    GROUP,
    ME,
    PHOTO,
    Store,
    edit,
    message,
    ms,
    reaction,
    receipt,
    revoke,
    vote,
)
from tests.unit.systems import CHILD_LIMIT, POSIX, needs_links, needs_posix_shell, needs_signals, take_time_zone

import whatsapp_mcp
from whatsapp_mcp.cli import cli
from whatsapp_mcp.jid import STATUS_BROADCAST
from whatsapp_mcp.models.app_state import (
    ChatChanged,
    LabelChanged,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned
from whatsapp_mcp.models.content import Content, MessageKind, Quote
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.files import remove_store
from whatsapp_mcp.store.read import exporting
from whatsapp_mcp.store.search.span import Span


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.upper().startswith("WHATSAPP"):
            monkeypatch.delenv(name)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC0")
        take_time_zone()
        yield
    take_time_zone()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A store whose writer stays open, as that of a running server."""
    store = Store(settings.store_path)
    store.apply([ContactSeen(ANA, full_name="Ana Souza"), ContactSeen(BORIS, full_name="Boris")])
    yield store
    store.close()


def export(settings: Settings, *options: str) -> Result:
    arguments = ["export", "--data-dir", str(settings.data_dir), *options]
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def rows(settings: Settings, *options: str) -> list[dict[str, Any]]:
    result = export(settings, *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def text(settings: Settings, *options: str) -> str:
    result = export(settings, "--format", "text", *options)
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(settings: Settings, *options: str) -> str:
    result = export(settings, *options)
    assert result.exit_code in (1, 2, 4)
    assert result.stdout == ""
    return result.stderr


# ---- JSON lines ------------------------------------------------------------------------------------------------------


def test_a_message_with_everything(settings: Settings, store: Store) -> None:
    store.apply(
        [
            message("Q", 0, "a photo?", chat=ANA_LID, chat_alt=ANA),
            message("P", 10, "Strase", from_me=True, media=PHOTO, quote=Quote("Q", ANA_LID, "a photo?")),
            edit("P", 20, "Strasse", sender=ME),
            edit("P", 30, "Straße", sender=ME),
            edit("P", 40, "not mine to edit", sender=ANA),
            reaction("P", 50, "👍"),
            receipt(ReceiptKind.DELIVERED, 11, "P"),
            receipt(ReceiptKind.READ, 12, "P"),
            MessageStarred(ANA, "P", starred=True, from_me=True, timestamp=ms(60)),
            LabelChanged("1", "Paid", 0, deleted=False, timestamp=ms(60)),
            MessageLabelled("1", ANA, "P", labelled=True, timestamp=ms(61)),
        ]
    )
    question, photo = rows(settings)
    assert question == {
        "message_id": "Q",
        "chat_jid": str(ANA),
        "chat_name": "Ana Souza",
        "sender_jid": str(ANA),
        "sender_name": "Ana Souza",
        "sender_name_source": "saved",
        "content": "a photo?",
        "kind": "text",
        "timestamp": "2026-09-21T14:13:20.000Z",
        "is_from_me": False,
        "wire_chat_jid": str(ANA_LID),
        "wire_sender_jid": str(ANA_LID),
        "created_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:00.000Z",
    }
    assert (
        photo.items()
        >= {
            "content": "Straße",
            "original_content": "Strase",
            "edits": [
                {"edited_at": "2026-09-21T14:13:40.000Z", "content": "Strasse"},
                {"edited_at": "2026-09-21T14:13:50.000Z", "content": "Straße"},
            ],
            "edited": True,
            "edited_at": "2026-09-21T14:13:50.000Z",
            "is_from_me": True,
            "status": "read",
            "reply_to_id": "Q",
            "reply_to_sender_jid": str(ANA),
            "reply_to_sender_name": "Ana Souza",
            "reply_to_content": "a photo?",
            "reactions": [
                {
                    "sender_jid": str(ANA),
                    "sender_name": "Ana Souza",
                    "emoji": "👍",
                    "reacted_at": "2026-09-21T14:14:10.000Z",
                }
            ],
            "receipts": [
                {
                    "jid": str(ANA),
                    "name": "Ana Souza",
                    "delivered_at": "2026-09-21T14:13:31.000Z",
                    "read_at": "2026-09-21T14:13:32.000Z",
                }
            ],
            "starred": True,
            "labels": ["Paid"],
            "kind": "image",
            "media_type": "image",
            "mimetype": "image/jpeg",
            "filename": "Straße.jpg",
            "file_length": 12345,
            "width": 800,
            "height": 600,
            "file_sha256": (b"p" * 32).hex(),
        }.items()
    )
    assert b"k" * 32 not in json.dumps(photo).encode(), "the key of the media is not for a file that is passed on"


def test_times_are_as_exact_as_they_are_stored(settings: Settings, store: Store) -> None:
    store.now += 7
    store.apply([replace(message("1", 1), timestamp=ms(1) + 345), replace(reaction("1", 2, "👍"), timestamp=ms(2) + 5)])
    (row,) = rows(settings)
    assert row["timestamp"] == "2026-09-21T14:13:21.345Z"
    assert row["created_at"] == "2027-01-15T08:00:00.007Z"
    assert row["reactions"][0]["reacted_at"] == "2026-09-21T14:13:22.005Z"


def test_who_deleted_a_message_for_everyone(settings: Settings, store: Store) -> None:
    """The first whose word counts: in a chat of two the author, in a group an admin too."""
    store.apply(
        [
            message("A", 1),
            revoke("A", 9, by=ME),
            revoke("A", 10, by=ANA_LID),
            IdentityLearned(ANA_LID, ANA),
            message("G", 2, chat=GROUP, sender=ANA),
            revoke("G", 12, chat=GROUP, by=ANA),
            revoke("G", 11, chat=GROUP, by=BORIS, by_admin=True),
        ]
    )
    by = {row["message_id"]: (row["revoked_by_jid"], row["revoked_at"]) for row in rows(settings)}
    assert by == {
        "A": (str(ANA), "2026-09-21T14:13:30.000Z"),
        "G": (str(BORIS), "2026-09-21T14:13:31.000Z"),
    }


def test_people_named_in_an_edit(settings: Settings, store: Store) -> None:
    text = Content(MessageKind.TEXT, "@Boris, see", mentions=(BORIS,))
    store.apply([message("1", 1, "see"), replace(edit("1", 2, "@Boris, see"), content=text)])
    (row,) = rows(settings)
    edited = {"edited_at": "2026-09-21T14:13:22.000Z", "content": "@Boris, see", "mentions": [str(BORIS)]}
    assert row["edits"] == [edited]


def test_votes_and_placeholders(settings: Settings, store: Store) -> None:
    poll = message("P", 0, "When?", chat=GROUP, sender=ANA, kind=MessageKind.POLL, extra={"options": ["Mon", "Tue"]})
    lost = message("U", 1, chat=GROUP, sender=BORIS, kind=MessageKind.UNDECRYPTABLE)
    store.apply([poll, lost, vote("P", 2, "Tue"), vote("P", 3, "Tue", voter=BORIS)])
    first, second = rows(settings)
    ana, boris = {"jid": str(ANA), "name": "Ana Souza"}, {"jid": str(BORIS), "name": "Boris"}
    assert first["details"]["votes"] == [
        {"option": "Mon", "count": 0, "voters": []},
        {"option": "Tue", "count": 2, "voters": [ana, boris]},
    ]
    vote_of_ana = {"voter_jid": str(ANA), "voter_name": "Ana Souza", "options": ["Tue"]}
    assert first["votes"][0] == vote_of_ana | {"voted_at": "2026-09-21T14:13:22.000Z"}
    store.apply([vote("P", 4)])
    assert rows(settings)[0]["votes"][1] == vote_of_ana | {"options": [], "voted_at": "2026-09-21T14:13:24.000Z"}
    assert (second["kind"], second["content"]) == ("undecryptable", "")


def test_revoked_messages_show_that_they_were_there_and_hidden_ones_do_not(settings: Settings, store: Store) -> None:
    store.apply(
        [
            message("R", 0, "secret one", media=PHOTO, quote=Quote("X", ANA, "secret quote")),
            edit("R", 1, "secret two"),
            revoke("R", 2),
            message("H", 3, "secret three"),
            MessageDeletedForMe(ANA, "H", from_me=False, timestamp=ms(4)),
            message("S", 5, "stays"),
        ]
    )
    result = export(settings)
    assert "secret" not in result.stdout
    assert "Straße.jpg" not in result.stdout
    gone, stays = rows(settings)
    assert (gone["message_id"], gone["revoked"], gone["revoked_at"]) == ("R", True, "2026-09-21T14:13:22.000Z")
    assert not gone.keys() & {"edits", "original_content", "mimetype", "width", "file_sha256", "reply_to_content"}
    assert stays["content"] == "stays"
    shown = text(settings)
    assert "Ana Souza: <deleted>\n" in shown
    assert "secret" not in shown


def test_chat_by_chat_in_order_of_time_over_many_pages(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 4)
    store.apply([message(f"A{n}", (n * 7) % 13, chat=ANA, from_history=True) for n in range(13)])
    store.apply([message(f"B{n}", 100 + n // 3, chat=BORIS) for n in range(8)])
    store.apply([message("status", 50, chat=STATUS_BROADCAST, sender=ANA)])
    found = [row["message_id"] for row in rows(settings)]
    by_time = [f"A{n}" for n in sorted(range(13), key=lambda n: (n * 7) % 13)]
    assert found == [*(f"B{n}" for n in range(8)), "status", *by_time]
    assert [row["message_id"] for row in rows(settings, "--since", "2026-09-21T14:15:01Z")] == [
        f"B{n}" for n in range(3, 8)
    ]


def test_an_export_shows_the_moment_at_which_it_began(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1), message("2", 2, chat=BORIS)])
    messages = exporting.exported_messages(settings.store_path, None, Span())
    assert next(messages).message.id == "2"
    store.apply([message("3", 3), revoke("1", 4)])
    (rest,) = messages
    assert (rest.message.id, rest.message.revoked_at) == ("1", None)


def test_no_character_of_a_line_drives_a_terminal_and_none_is_lost(settings: Settings, store: Store) -> None:
    said = "\x1b[2J\x9b31m\x7f\x07 \u202egnp.exe\u2066 \u2028next\nline ü 👍"
    store.apply([message("1", 1, said)])
    line = export(settings).stdout
    assert line.removesuffix("\n").isprintable()
    assert "ü 👍" in line
    assert json.loads(line)["content"] == said


# ---- transcripts -----------------------------------------------------------------------------------------------------


def test_a_transcript(settings: Settings, store: Store) -> None:
    store.apply(
        [
            ChatChanged(GROUP, name="Choir"),
            message("1", 0, "Who sings?\nOn Friday", chat=GROUP, sender=ANA),
            message("2", 60, "Me", chat=GROUP, sender=BORIS, quote=Quote("1", ANA, "Who sings?\nOn Friday")),
            message("3", 61, "Here", chat=GROUP, from_me=True, media=PHOTO),
            reaction("3", 62, "❤️", chat=GROUP, sender=ANA),
            reaction("3", 63, "👍", chat=GROUP, sender=ME, from_me=True),
            edit("2", 64, "Me too", chat=GROUP, sender=BORIS),
            message("4", 86_400, "When?", chat=GROUP, sender=ANA, kind=MessageKind.POLL, extra={"options": ["8", "9"]}),
            vote("4", 86_401, "9"),
            message("5", 1, "Hi", chat=CARLA),
        ]
    )
    assert text(settings) == (
        "=== Choir (120363000000000001@g.us) ===\n"
        "\n--- 2026-09-21, Monday ---\n\n"
        "[14:13] Ana Souza: Who sings?\n"
        "    On Friday\n"
        '[14:14] Boris: (in reply to Ana Souza: "Who sings? On Friday") Me too (edited)\n'
        "[14:14] You: <photo, Straße.jpg, 12 kB> Here\n"
        "    reactions: ❤️ Ana Souza, 👍 You\n"
        "\n--- 2026-09-22, Tuesday ---\n\n"
        "[14:13] Ana Souza: <poll> When?\n"
        "    - 8: 0 votes\n"
        "    - 9: 1 vote\n"
        "\n\n=== +34600111222 (34600111222@s.whatsapp.net) ===\n"
        "\n--- 2026-09-21, Monday ---\n\n"
        "[14:13] +34600111222: Hi\n"
    )


def test_what_happened_to_a_group_in_a_transcript(settings: Settings, store: Store) -> None:
    store.apply(
        [
            ChatChanged(GROUP, name="Choir"),
            Notice(Happening.ADDED, ANA, (BORIS, ME)).received(GROUP, ms(1)),
            Notice(Happening.TIMER, ME, seconds=86_400).received(GROUP, ms(2)),
            ContactSeen(ANA, full_name="Ana Souza"),
        ]
    )
    assert text(settings).splitlines()[-2:] == [
        '[14:13] Choir: <what happened> "Ana Souza" added "Boris" and you',
        "[14:13] Choir: <what happened> You set messages to disappear after 1 day",
    ]


def test_nobody_can_write_a_line_of_a_transcript_but_the_transcript(settings: Settings, store: Store) -> None:
    evil = "\n[09:00] Boris: I owe you 100\n=== Boss ===\r[09:00] Boris: x\u2028[09:00] Boris: y\x1b[2J\x9b31m\u202e"
    store.apply(
        [
            ContactSeen(CARLA, full_name=f"Carla{evil}"),
            message("1", 1, evil, chat=CARLA, quote=Quote("0", ANA, evil)),
            message(
                "2",
                2,
                chat=CARLA,
                kind=MessageKind.POLL,
                extra={"options": [evil], "seconds": evil, "latitude": evil},
            ),
            message("3", 3, chat=CARLA, kind=MessageKind.LOCATION, extra={"latitude": evil, "longitude": evil}),
            reaction("1", 4, evil, chat=CARLA),
        ]
    )
    shown = text(settings)
    assert all(character.isprintable() or character == "\n" for character in shown)
    at_margin = [line for line in shown.split("\n") if line and not line.startswith(" ")]
    assert [line[:16] for line in at_margin] == [
        "=== Carla [09:00",
        "--- 2026-09-21, ",
        *["[14:13] \"Carla '"] * 3,
    ]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "You",
            "you ",
            "YOU.",
            "Y o u",
            "Yoü",
            "Ｙｏｕ",
            "Yоu",
            "Υοu",
            "You\u200b",
            "\u202eYou",
            "You (phone)",
            "you, me",
        ),
        *("You: I owe you 100", "You] x", "2026-11-28 05:00 Robin", "Boris: yes", "+34600111223", "x\n[09:00] You: y"),
    ],
)
def test_nobody_can_be_taken_for_the_owner(settings: Settings, store: Store, name: str) -> None:
    store.apply(
        [
            ContactSeen(CARLA, push_name=name),
            message("1", 1, "I agree", chat=CARLA),
            message("2", 2, "mine", chat=CARLA, from_me=True),
            reaction("2", 3, "❤️", chat=CARLA),
        ]
    )
    theirs, ours, reaction_line = (line for line in text(settings).split("\n") if line[:1] in ("[", " "))
    assert theirs.startswith('[14:13] "')
    assert theirs.endswith(f'" (+{CARLA.user}): I agree')
    assert theirs.count('"') == 2
    assert theirs.split('"')[2].count(":") == 1
    assert ":" not in theirs.split('"')[1]
    assert ours == "[14:13] You: mine"
    assert reaction_line.endswith(f'" (+{CARLA.user})')


@pytest.mark.parametrize(
    "name", ["Ana Souza", "Younes", "Yu", "Øyvind-1", "林 小明", "Ann O'Neill & Co.", "Mom ❤️", "שרה"]
)
def test_names_as_people_have_them_stay(settings: Settings, store: Store, name: str) -> None:
    store.apply([ContactSeen(CARLA, push_name=name), message("1", 1, "hello", chat=CARLA)])
    assert f"[14:13] {name}: hello\n" in text(settings)


def test_two_people_of_one_name_are_told_apart(settings: Settings, store: Store) -> None:
    store.apply(
        [
            ContactSeen(CARLA, push_name="ana  SOUZA"),
            message("1", 1, "one", chat=GROUP, sender=ANA),
            message("2", 2, "two", chat=GROUP, sender=CARLA),
            message("3", 3, "three", chat=GROUP, sender=ANA),
        ]
    )
    shown = text(settings)
    assert f'] Ana Souza: one\n[14:13] "ana SOUZA" (+{CARLA.user}): two\n[14:13] Ana Souza: three' in shown


def test_a_reaction_of_words_cannot_pass_for_somebody_elses(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1, "hello"), reaction("1", 2, "👍 You, ❤️", sender=ANA)])
    assert 'reactions: "👍 You, ❤️" Ana Souza\n' in text(settings)


def test_times_of_a_transcript_are_those_of_the_machine(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply([message("1", 0, "late")])
    monkeypatch.setenv("TZ", "JST-9")
    take_time_zone()
    assert "--- 2026-09-21, Monday ---\n\n[23:13] Ana Souza: late" in text(settings)
    assert rows(settings, "--since", "2026-09-22") == []
    assert len(rows(settings, "--since", "2026-09-21T23:13:20", "--until", "2026-09-21")) == 1
    assert rows(settings, "--until", "2026-09-20") == []


def test_a_message_that_cannot_be_shown_ends_no_export(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("for a reason")

    store.apply([message("1", 1, "one"), message("2", 2, "two", kind=MessageKind.POLL)])
    monkeypatch.setattr("whatsapp_mcp.offline.export.transcript._options", fails)
    monkeypatch.setattr("whatsapp_mcp.offline.export.rows._receipt", fails)
    store.apply([message("3", 3, "three", from_me=True), receipt(ReceiptKind.READ, 4, "3")])
    shown = text(settings)
    assert shown.count("<message that could not be shown>") == 3
    written = rows(settings)
    assert [row["message_id"] for row in written] == ["1", "2", "3"]
    assert "could not be shown" in written[2]["details"]["note"]


# ---- what is chosen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [str(ANA), "5511911112222@c.us", str(ANA_LID), "+55 11 91111-2222", ANA_LID.user, "ana souza", "Aña Souza"]
)
def test_a_chat_by_any_of_its_names(settings: Settings, store: Store, name: str) -> None:
    store.apply([message("1", 1, chat=ANA_LID, chat_alt=ANA), message("2", 2, chat=BORIS)])
    assert [row["message_id"] for row in rows(settings, "--chat", name)] == ["1"]


def test_several_chats_in_their_order_each_once(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1), message("2", 2, chat=BORIS), message("3", 3, chat=GROUP, sender=ANA)])
    chosen = ("--chat", str(ANA), "--chat", GROUP.user, "--chat", "Ana Souza")
    assert [row["message_id"] for row in rows(settings, *chosen)] == ["1", "3"]


def test_a_chat_that_is_not_there(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1)])
    assert refusal(settings, "--chat", "Anna Sousa").endswith(f"perhaps one of these:\n  {ANA}  Ana Souza\n")
    said = refusal(settings, "--chat", "Boris")  # known, but nothing was ever written
    assert "no chat 'Boris'" in said
    assert "the exact name" in said
    assert "no chat '4999@x@y'" in refusal(settings, "--chat", "4999@x@y")


def test_a_name_of_several_chats(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1), message("2", 2, chat=GROUP, sender=ANA), ChatChanged(GROUP, name="Ana Souza")])
    said = refusal(settings, "--chat", "Ana Souza")
    assert str(ANA) in said
    assert str(GROUP) in said


@pytest.mark.parametrize(
    "options",
    [("--since", "yesterday"), ("--until", "2026-13-01"), ("--since", "2026-02-01", "--until", "2026-01-31")],
)
def test_times_that_are_none(settings: Settings, store: Store, options: tuple[str, ...]) -> None:
    assert options[0] in refusal(settings, *options)


# ---- where it goes ---------------------------------------------------------------------------------------------------


def test_a_file(settings: Settings, store: Store, tmp_path: Path) -> None:
    store.apply([message("1", 1, "hello")])
    target = tmp_path / "out" / "messages.jsonl"
    assert "cannot be written" in refusal(settings, "--output", str(target))
    target.parent.mkdir()
    result = export(settings, "--output", str(target))
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"1 message written to {target}" in result.stderr
    assert json.loads(target.read_text())["content"] == "hello"
    if POSIX:
        assert target.stat().st_mode & 0o777 == 0o600
    assert "--force" in refusal(settings, "--output", str(target))
    store.apply([message("2", 2, "more")])
    assert export(settings, "--output", str(target), "--force").exit_code == 0
    assert len(target.read_text().splitlines()) == 2
    assert list(target.parent.iterdir()) == [target]


def test_a_file_is_written_whole_or_not_at_all(
    settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply([message(f"{n}", n) for n in range(3)])
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "messages.jsonl"
    target.write_text("former")
    left = [2]

    def full(_: object) -> str:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return "line\n"

    monkeypatch.setattr("whatsapp_mcp.offline.export.command.json_line", full)
    assert "No space left" in refusal(settings, "--output", str(target), "--force")
    assert target.read_text() == "former"
    assert list(folder.iterdir()) == [target]


def test_a_file_made_meanwhile_is_kept(
    settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply([message("1", 1)])
    target = tmp_path / "messages.jsonl"

    def slow(_: object) -> str:
        target.write_text("somebody else's")
        return "line\n"

    monkeypatch.setattr("whatsapp_mcp.offline.export.command.json_line", slow)
    assert "exists" in refusal(settings, "--output", str(target))
    assert target.read_text() == "somebody else's"


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_export_that_is_ended_leaves_nothing(
    settings: Settings, store: Store, tmp_path: Path, number: signal.Signals
) -> None:
    store.apply([message("1", 1)])
    folder = tmp_path / "out"
    folder.mkdir()
    program = (
        "import signal, sys, time\n"
        "from whatsapp_mcp.cli import cli\n"
        "from whatsapp_mcp.offline.export import command\n"
        "def slow(_):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(30)\n"
        "command.json_line = slow\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts with & ignores it\n"
        "cli(['export', '--data-dir', sys.argv[1], '--output', sys.argv[2]])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(whatsapp_mcp.__file__).parents[1])}
    command = [sys.executable, "-c", program, str(settings.data_dir), str(folder / "messages.jsonl")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert len(list(folder.iterdir())) == 1
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        if process.poll() is None:  # Python loses an exception that comes while it tidies up
            process.send_signal(number)
        assert process.wait(15) != 0
    assert list(folder.iterdir()) == []


def test_devices_and_folders_are_not_replaced(settings: Settings, store: Store, tmp_path: Path) -> None:
    for target in (os.devnull, str(tmp_path)):
        assert "not a regular file" in refusal(settings, "--output", target, "--force")


@needs_links
def test_a_link_stays_a_link(settings: Settings, store: Store, tmp_path: Path) -> None:
    store.apply([message("1", 1)])
    target, link = tmp_path / "messages.jsonl", tmp_path / "link"
    target.write_text("former")
    link.symlink_to(target)
    assert export(settings, "--output", str(link), "--force").exit_code == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["message_id"] == "1"


def test_before_the_first_start(settings: Settings) -> None:
    assert f"no message store at {settings.store_path} yet" in refusal(settings)
    assert not settings.data_dir.exists()


def test_a_damaged_store(settings: Settings) -> None:
    settings.account_dir.mkdir(parents=True)
    settings.store_path.write_bytes(b"x" * 5000)
    assert "is not a database" in refusal(settings)


def test_an_empty_store(settings: Settings, store: Store) -> None:
    assert rows(settings) == []
    assert text(settings) == ""


def test_beside_servers_nobody_is_asked(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1)])
    with served(settings) as process:
        assert len(rows(settings)) == 1
    assert process.attached == []


@pytest.mark.skipif(sys.platform == "win32", reason="open files cannot be deleted there: the logout waits")
def test_a_logout_meanwhile_changes_nothing_in_it(settings: Settings, store: Store) -> None:
    store.apply([message(f"{n}", n) for n in range(1200)])
    store.close()
    messages = exporting.exported_messages(settings.store_path, None, Span())
    first = next(messages)
    remove_store(settings.store_path)
    assert len([first, *messages]) == 1200
    assert not settings.store_path.exists()


def run_in_shell(settings: Settings, command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(whatsapp_mcp.__file__).parents[1]),
        "EXPORT": f"{sys.executable} -m whatsapp_mcp export --data-dir {settings.data_dir}",
    }
    return subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=CHILD_LIMIT, check=False
    )


@needs_posix_shell
def test_a_reader_that_has_enough(settings: Settings, store: Store) -> None:
    store.apply([message(f"{n}", n, "x" * 1000) for n in range(2000)])
    ran = run_in_shell(settings, "$EXPORT | head -n 1; exit ${PIPESTATUS[0]}")
    assert json.loads(ran.stdout)["message_id"] == "0"
    assert ran.stderr == ""
    assert ran.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@needs_posix_shell
def test_standard_output_that_is_full(settings: Settings, store: Store) -> None:
    store.apply([message("1", 1)])
    ran = run_in_shell(settings, "$EXPORT > /dev/full")
    assert ran.returncode == 1
    assert "standard output cannot be written to: No space left" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_formats_are_those_of_the_option() -> None:
    from whatsapp_mcp.offline.export import Format

    (option,) = (one for one in cli.all()["export"].params if one.name == "form")
    assert isinstance(option.type, click.Choice)
    assert set(option.type.choices) == {form.value for form in Format}
