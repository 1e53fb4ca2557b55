"""What is said in voice notes: with a library that stands in for faster-whisper, in real decoder processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stand_in import faster_whisper as stand_in
from tests.unit.media import samples
from tests.unit.operations.bench import Bench, catalog
from tests.unit.operations.fakes import ANA, BO, TEAM
from tests.unit.waiting import soon
from whatsapp_mcp.catalog.check import ArgumentChecker
from whatsapp_mcp.errors import InvalidArgument, InvalidMedia, SetupError
from whatsapp_mcp.extras import Extra
from whatsapp_mcp.media import transcription
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.models.changes import MessageTranscribed
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.pipe.messages import DownloadMedia, KeepTranscript
from whatsapp_mcp.policy.caller import Patience

SAID = "Bring the blue umbrella\nto the harbour at six"
TEXT = "Bring the blue umbrella to the harbour at six"


@pytest.fixture(scope="module")
def note(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return samples.sound(tmp_path_factory.mktemp("sound") / "note.ogg", "ogg", "libopus").read_bytes()


@pytest.fixture
def model(bench: Bench, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library and a model are there."""
    folder = stand_in.model_in(tmp_path_factory.mktemp("models") / "small", SAID)
    monkeypatch.setenv("PYTHONPATH", str(stand_in.FOLDER), prepend=os.pathsep)
    monkeypatch.setattr(Extra, "installed", True)
    bench.settings = bench.settings.model_copy(update={"voice_model": folder})
    return folder


@asynccontextmanager
async def able(bench: Bench, note: bytes) -> AsyncIterator[None]:
    """Downloads give the note, transcripts are kept, and pools last as long as the test."""

    def download(command: DownloadMedia) -> None:
        bench.keep(command, note)

    def keep(command: KeepTranscript) -> None:
        target = command.target
        assert target.author is not None
        bench.learn(MessageTranscribed(target.chat, target.message_id, target.author, command.text, command.language))

    bench.session.answers |= {"download_media": download, "keep_transcript": keep}
    async with DecoderPool() as decoders, transcription.transcribers() as models:
        services = replace(
            bench.services_with(bench.settings), decoder_pool=lambda: decoders, transcriber_pool=lambda: models
        )
        bench.runner = OperationRunner(services, bench.gate)
        yield


def receive_voice(bench: Bench, message_id: str = "V1", **more: Any) -> None:
    media = MediaInfo(mimetype="audio/ogg; codecs=opus", seconds=2)
    bench.receive(message_id, content=Content(MessageKind.VOICE, media=media), **more)


async def test_what_is_said_is_kept_shown_and_found(bench: Bench, model: Path, note: bytes) -> None:
    receive_voice(bench, chat=TEAM, sender=BO)
    bench.receive("T1", "no umbrella here", chat=ANA)
    async with able(bench, note):
        results = await bench.run("transcribeMessage", message_id="V1", phone="Team")
        assert results["transcript"] == TEXT
        assert (results["transcript_language"], results["transcript_by_machine"]) == ("en", True)
        assert bench.outcome.untrusted
        assert bench.outcome.heard == (TEAM,)
        assert TEAM in bench.caller.conversation.read_within(1)
    (found,) = (await bench.run("searchMessages", query="harbour umbrella"))["data"]
    assert found["message_id"] == "V1"
    assert found["details"]["transcript"] == TEXT
    (row,) = (await bench.run("getChatMessages", chat_jid=str(TEAM), search="umbrella"))["data"]
    assert row["details"]["transcript_by_machine"] is True
    assert not (await bench.run("searchMessages", query="en"))["data"], "the language is not what is said"
    news = (await bench.run("catchUp", since="1d"))["data"]
    (line,) = next(chat for chat in news if chat["chat_jid"] == str(TEAM))["lines"]
    assert (line["transcript"], line["transcript_by_machine"]) == (TEXT, True)


async def test_it_is_heard_once(bench: Bench, model: Path, note: bytes) -> None:
    receive_voice(bench)
    async with able(bench, note):
        first = await bench.run("transcribeMessage", message_id="V1", phone="Ana")
        (model / stand_in.SAID).write_text("something else\nand more", encoding="utf-8")
        assert await bench.run("transcribeMessage", message_id="V1", phone="Ana") == first
        assert await bench.run("transcribeMessage", message_id="V1", phone="Ana", language="en") == first
        other = await bench.run("transcribeMessage", message_id="V1", phone="Ana", language="de")
    assert (other["transcript"], other["transcript_language"]) == ("something else and more", "de")
    assert not (await bench.run("searchMessages", query="umbrella"))["data"], "the later one takes its place"
    assert len((await bench.run("searchMessages", query="something"))["data"]) == 1
    bench.settings = bench.settings.model_copy(update={"voice_model": None})
    bench.runner = OperationRunner(bench.services_with(bench.settings), bench.gate)
    assert (await bench.run("transcribeMessage", message_id="V1", phone="Ana"))["transcript"], "needs no model any more"


async def test_where_nobody_speaks(bench: Bench, model: Path, tmp_path: Path) -> None:
    receive_voice(bench)
    silence = samples.sound(tmp_path / "silence.wav", "wav", "pcm_s16le", loud_from=9.0)
    async with able(bench, silence.read_bytes()):
        results = await bench.run("transcribeMessage", message_id="V1", phone="Ana")
    assert results["transcript"] == ""
    assert not any(isinstance(command, KeepTranscript) for command in bench.session.commands)


async def test_what_takes_longer_than_the_client_waits(bench: Bench, model: Path, note: bytes) -> None:
    receive_voice(bench)
    (model / stand_in.SLOW).touch()
    async with able(bench, note):
        await bench.run("downloadMessageMedia", message_id="V1", phone="Ana")
        bench.caller.patience = Patience(answer_within=0.2)
        results = await bench.run("transcribeMessage", message_id="V1", phone="Ana")
        assert (results["status"], "transcript" in results) == ("pending", False)
        assert "Call again" in (bench.outcome.note or "")
        again = await bench.run("transcribeMessage", message_id="V1", phone="Ana")
        assert again["status"] == "pending"
        (model / stand_in.SLOW).unlink()
        await soon(lambda: any(isinstance(command, KeepTranscript) for command in bench.session.commands))
        results = await bench.run("transcribeMessage", message_id="V1", phone="Ana")
        assert (results["status"], results["transcript"]) == ("success", TEXT)
    assert sum(isinstance(command, KeepTranscript) for command in bench.session.commands) == 1


async def test_without_the_extra_or_a_model_it_says_how_to_get_both(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    receive_voice(bench)

    async def refused(folder: Path | None) -> SetupError:
        bench.settings = bench.settings.model_copy(update={"voice_model": folder})
        bench.runner = OperationRunner(bench.services_with(bench.settings), bench.gate)
        with pytest.raises(SetupError) as caught:
            await bench.run("transcribeMessage", message_id="V1", phone="Ana")
        assert not bench.session.commands, "nothing was downloaded for it"
        return caught.value

    monkeypatch.setattr(Extra, "installed", False)
    error = await refused(None)
    assert "whatsapp-web-mcp[voice]" in error.next_step
    assert "WHATSAPP_MCP_VOICE_MODEL" in error.next_step
    monkeypatch.setattr(Extra, "installed", True)
    error = await refused(tmp_path_factory.mktemp("empty"))
    assert "whatsapp-web-mcp[voice]" not in error.next_step
    assert "tokenizer.json" in error.next_step


async def test_a_model_that_cannot_be_used(bench: Bench, model: Path, note: bytes) -> None:
    receive_voice(bench)
    async with able(bench, note):
        with pytest.raises(InvalidArgument, match="language"):
            await bench.run("transcribeMessage", message_id="V1", phone="Ana", language="tlh")
    (model / "model.bin").write_bytes(stand_in.BROKEN)
    async with able(bench, note):
        with pytest.raises(SetupError, match="cannot be loaded"):
            await bench.run("transcribeMessage", message_id="V1", phone="Ana")


async def test_what_has_no_sound(bench: Bench, model: Path) -> None:
    receive_voice(bench)
    bench.receive("T1", "only words")
    async with able(bench, b"OggS that is damaged"):
        with pytest.raises(InvalidMedia) as caught:
            await bench.run("transcribeMessage", message_id="V1", phone="Ana")
        assert "send" not in caught.value.next_step
        with pytest.raises(InvalidArgument, match="nothing to be heard"):
            await bench.run("transcribeMessage", message_id="T1", phone="Ana")
    assert not list((bench.settings.media_dir / "outgoing").glob("*")), "nothing is left behind"


@pytest.mark.parametrize("language", ["de-DE", "GERMAN", "x"])
def test_languages_are_codes(language: str) -> None:
    given = {"message_id": "V1", "phone": "Ana", "language": language}
    _, problems, _ = ArgumentChecker().check(catalog().by_name["transcribeMessage"], given)
    assert {problem.field for problem in problems} == {"language"}
