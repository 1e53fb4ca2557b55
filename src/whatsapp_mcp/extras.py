"""What a plain installation leaves out because it is large and many never use it: the extras of pyproject.toml."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.errors import NotInstalled


@dataclass(frozen=True, slots=True)
class Extra:
    name: str
    module: str
    """What it brings; one module stands for all."""
    use: str
    """What cannot be done without it, as the end of "without it …"."""

    @property
    def installed(self) -> bool:
        """Found, not loaded: loading is slow, and what is broken shows when it is used."""
        return importlib.util.find_spec(self.module) is not None

    def require(self, what: str) -> None:
        """Raises NotInstalled: ``what`` needs it, and it is not there."""
        if not self.installed:
            raise NotInstalled(f"{what} needs the extra `{self.name}`, which is not installed here.", extra=self.name)


MEDIA: Final = Extra("media", "av", "videos and sounds cannot be sent as such, only as documents")
VOICE: Final = Extra("voice", "faster_whisper", "what is said in voice notes cannot be written down")
POSTGRES: Final = Extra("postgres", "psycopg", "messages and keys cannot be kept in PostgreSQL, only in files")
S3: Final = Extra("s3", "obstore", "media cannot be kept in an S3 store, only in files")
