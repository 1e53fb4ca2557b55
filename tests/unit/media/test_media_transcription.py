"""Sounds as models for speech hear them; and, where the extra ``voice`` is installed, what the library does."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from tests.unit.media import samples
from tests.unit.media.tiny_whisper import make_model
from whatsapp_mcp.extras import VOICE
from whatsapp_mcp.media import limits, transcription
from whatsapp_mcp.media.convert import audio
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import TranscriptFacts
from whatsapp_mcp.media.transcription import MODEL_FILES, Transcriber
from whatsapp_mcp.media.work import UnusableMedia, Work

with_the_extra = pytest.mark.skipif(not VOICE.installed, reason="the extra voice is not installed")


@pytest.mark.parametrize(
    ("container", "codec", "mimetype", "layout"),
    [
        ("ogg", "libopus", "audio/ogg; codecs=opus", "mono"),
        ("mp3", "libmp3lame", "audio/mpeg", "stereo"),
        ("wav", "pcm_s16le", "audio/wav", "stereo"),
    ],
)
def test_a_plain_sound(tmp_path: Path, container: str, codec: str, mimetype: str, layout: str) -> None:
    source = samples.sound(tmp_path / "source", container, codec, seconds=3.0, layout=layout)
    assert audio.speech(source, mimetype, tmp_path / "plain", work=Work()) == 3
    with wave.open(str(tmp_path / "plain")) as plain:
        assert (plain.getframerate(), plain.getnchannels(), plain.getsampwidth()) == (16_000, 1, 2)
        assert abs(plain.getnframes() / 16_000 - 3.0) < 0.1
        assert max(plain.readframes(plain.getnframes())) > 0


def test_too_long_a_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPEECH_SECONDS", 2)
    source = samples.sound(tmp_path / "source", "wav", "pcm_s16le", seconds=4.0)
    with pytest.raises(UnusableMedia, match="longer than"):
        audio.speech(source, "audio/wav", tmp_path / "plain", work=Work())


def test_a_model_has_its_own_tokenizer(tmp_path: Path) -> None:
    assert not transcription.is_model(tmp_path)
    for name in MODEL_FILES:
        (tmp_path / name).touch()
    assert transcription.is_model(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    assert not transcription.is_model(tmp_path), "the library would ask a hub for one"


@with_the_extra
async def test_the_library_hears_within_its_limits(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    source = samples.sound(tmp_path / "source", "ogg", "libopus", seconds=3.0)
    (tmp_path / "broken").mkdir()
    for name in MODEL_FILES:
        (tmp_path / "broken" / name).write_bytes(b"{}")
    async with DecoderPool() as decoders, transcription.transcribers() as models:

        async def hear(folder: Path, language: str | None) -> TranscriptFacts:
            transcriber = Transcriber(folder, tmp_path / "temp", decoders, models)
            return await transcriber.transcript_of(source, language=language, on_progress=lambda _: None)

        heard = await hear(model, "en")
        assert (heard.problem, heard.language) == ("", "en")
        assert heard.text == "", "a tone is no speech"
        assert (await hear(model, "de")).problem == "language", "so small a vocabulary is an English one"
        (process,) = models.processes
        assert (await hear(tmp_path / "broken", None)).problem == "model"
        assert models.processes == (process,), "a model that cannot be loaded harms nobody"
