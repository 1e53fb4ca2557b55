"""What a decoder process says about a file that it worked on, and how that travels through a pipe.

The process took in a stranger's bytes, so its answer is checked like one: names, types and sizes must be as declared.
"""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, TypeVar, get_type_hints

_MAX_INTEGER: Final = 2**31 - 1
_MAX_CHARACTERS: Final = 64 * 1024
"""Of a text or, as base64, of bytes: the largest is a thumbnail of 100 pixels."""


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


F = TypeVar("F", bound=_Dataclass)


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """What a message says about a picture."""

    width: int
    height: int
    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    seconds: int
    """Rounded, at least 1."""
    width: int
    height: int
    """As shown: a rotated video is given upright."""
    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side, from about the first second."""


@dataclass(frozen=True, slots=True)
class VoiceFacts:
    seconds: int
    """Rounded, at least 1."""
    waveform: bytes
    """64 values, 0..100: the loudness along the note, the loudest part being 100."""
    converted: bool
    """False: the source is a voice note already and is to be sent as it is; nothing was written."""


@dataclass(frozen=True, slots=True)
class SoundFacts:
    seconds: int
    """Rounded, at least 1."""


@dataclass(frozen=True, slots=True)
class TranscriptFacts:
    text: str
    """What was heard; empty where nobody speaks."""
    language: str
    """ISO 639, as the model says."""
    problem: str
    """Why nothing was heard: ``model`` that cannot be loaded, ``language`` that it does not know; else empty."""


@dataclass(frozen=True, slots=True)
class StickerFacts:
    animated: bool


@dataclass(frozen=True, slots=True)
class ThumbnailFacts:
    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side."""


@dataclass(frozen=True, slots=True)
class NoFacts:
    """The file that was written says it all."""


def to_json(facts: object) -> dict[str, object]:
    """The fields of a dataclass instance; bytes become base64."""
    assert dataclasses.is_dataclass(facts) and not isinstance(facts, type)
    values = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in values.items()
    }


def from_json(expected: type[F], data: object) -> F:
    """The opposite of :func:`to_json`.

    Raises:
        ValueError: a field is missing, too large or of another type.
    """
    if not isinstance(data, dict):
        raise ValueError("no facts")
    types = get_type_hints(expected)
    return expected(**{name: _value(types[name], data.get(name)) for name in types if name in _names(expected)})


def _names(expected: type[_Dataclass]) -> set[str]:
    return {field.name for field in dataclasses.fields(expected)}


def _value(wanted: object, value: object) -> object:
    if wanted is bool and isinstance(value, bool):
        return value
    if wanted is int and type(value) is int and 0 <= value <= _MAX_INTEGER:
        return value
    if isinstance(value, str) and len(value) <= _MAX_CHARACTERS:
        if wanted is str:
            return value
        if wanted is bytes:
            return base64.b64decode(value, validate=True)
    raise ValueError("not what was asked for")
