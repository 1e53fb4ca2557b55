"""transcribeMessage: what is said in a voice note, written down on this machine and kept with the message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from whatsapp_mcp.errors import InvalidArgument, InvalidMedia, SetupError
from whatsapp_mcp.extras import VOICE
from whatsapp_mcp.media import transcription
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import TranscriptFacts
from whatsapp_mcp.media.received.place import ReceivedFile, on_disk
from whatsapp_mcp.media.transcription import MODEL_FILES, Transcriber
from whatsapp_mcp.media.work import UnusableMedia
from whatsapp_mcp.models.content import TRANSCRIPT, TRANSCRIPT_BY_MACHINE, TRANSCRIPT_LANGUAGE, MessageKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.media_files import kept_media, media_policy
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import stored_message
from whatsapp_mcp.pipe.messages import KeepTranscript, MessageRef
from whatsapp_mcp.waiting import Wait, waits_for

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

_SOUNDS: Final = (MessageKind.VOICE, MessageKind.AUDIO, MessageKind.VIDEO)
_MODEL: Final = (
    "a folder with a Whisper model in CTranslate2's format, such as https://huggingface.co/Systran/faster-whisper-small"
)
_NEVER_FETCHED: Final = "Nothing of it is fetched by itself."
_AGAIN: Final = "Call again: it goes on meanwhile, and who calls later gets the text at once."


@operation("transcribeMessage")
async def transcribe_message(services: Services, arguments: args.TranscribeMessageArguments) -> Outcome:
    _, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    if message.kind not in _SOUNDS or message.revoked_at is not None:
        raise InvalidArgument("message_id: there is nothing to be heard in this message", field="message_id")
    language = arguments.get("language")
    known = message.extra.get(TRANSCRIPT)
    if isinstance(known, str) and language in (None, message.extra.get(TRANSCRIPT_LANGUAGE)):
        return _outcome(message, TranscriptFacts(known, str(message.extra.get(TRANSCRIPT_LANGUAGE, "")), ""))
    model = await anyio.to_thread.run_sync(_model, services)
    file = await kept_media(services, message)
    work = partial(_write_down, services, message, file, model, language)
    try:
        key = f"transcript {language or ''} {file.where}"
        return await services.under_way.joined(key, f"transcript of {message.id}", work, services.until)
    except TimeoutError:
        results = {"message_id": message.id, "chat_jid": str(message.chat), "status": "pending"}
        return Outcome("The speech is still being written down.", results, heard=(), note=_AGAIN)


def _model(services: Services) -> Path:
    """Where the model lies.

    Raises:
        SetupError: the library or the model is missing; says how to get both.
    """
    folder = services.settings.voice_model
    steps = []
    if not VOICE.installed:
        steps.append(f"install the extra {VOICE.name} (whatsapp-web-mcp[{VOICE.name}]; `whatsapp-mcp doctor` says how)")
    if folder is None:
        steps.append(f"put {_MODEL} on this machine and set WHATSAPP_MCP_VOICE_MODEL to it")
    elif not transcription.is_model(folder):
        steps.append(f"put {_MODEL} to where WHATSAPP_MCP_VOICE_MODEL leads ({', '.join(MODEL_FILES)} …)")
    if folder is None or steps:
        lacks = "there is no speech model" if VOICE.installed else f"the extra {VOICE.name} is not installed"
        raise _missing(lacks, steps)
    return folder


def _missing(what: str, steps: Sequence[str]) -> SetupError:
    todo = ", and to ".join(steps)
    return SetupError(
        f"voice notes cannot be written down here: {what}",
        next_step=f"Ask the owner of this server to {todo}, then to start it again. {_NEVER_FETCHED}",
    )


async def _write_down(
    services: Services, message: Message, file: ReceivedFile, model: Path, language: str | None
) -> Outcome:
    """Also for whoever asks next, and for the search."""
    with waits_for("writing down the speech", total=1.0) as wait:
        async with on_disk(file, media_policy(services.settings).temp) as place:
            heard = await _heard(services, place, model, language, wait)
    if heard.text:
        command = KeepTranscript(target=MessageRef.of(message), text=heard.text, language=heard.language)
        await services.session.call(command)
    return _outcome(message, heard)


async def _heard(services: Services, place: Path, model: Path, language: str | None, wait: Wait) -> TranscriptFacts:
    decoders, models = services.decoders, services.transcribers

    def advance(fraction: float) -> None:
        wait.done = max(wait.done, fraction)

    async with _pool(decoders, DecoderPool) as decoders, _pool(models, transcription.transcribers) as models:
        transcriber = Transcriber(model, media_policy(services.settings).temp, decoders, models)
        try:
            heard = await transcriber.transcript_of(place, language=language, on_progress=advance)
        except UnusableMedia as error:
            raise InvalidMedia(
                f"message_id: what is said cannot be written down: {error.message}",
                field="message_id",
                next_step="Ask the user to listen to it on the phone.",
            ) from None
    if heard.problem == "language":
        raise InvalidArgument(
            "language: the speech model does not know it", field="language", next_step="Leave it out."
        )
    if heard.problem:
        raise _missing("the speech model cannot be loaded", [f"put {_MODEL} to where WHATSAPP_MCP_VOICE_MODEL leads"])
    return heard


@asynccontextmanager
async def _pool(shared: DecoderPool | None, make: Callable[[], DecoderPool]) -> AsyncIterator[DecoderPool]:
    """The one that all calls share, or one of this call."""
    if shared is not None:
        yield shared
        return
    async with make() as own:
        yield own


def _outcome(message: Message, heard: TranscriptFacts) -> Outcome:
    results: dict[str, Any] = {
        "message_id": message.id,
        "chat_jid": str(message.chat),
        "status": "success",
        TRANSCRIPT: heard.text,
        TRANSCRIPT_LANGUAGE: heard.language or None,
        TRANSCRIPT_BY_MACHINE: True,
    }
    said = (
        "What is said, as a machine heard it: names and numbers may be wrong." if heard.text else "Nobody speaks in it."
    )
    return Outcome(said, results, untrusted=True, heard=(message.chat,))
