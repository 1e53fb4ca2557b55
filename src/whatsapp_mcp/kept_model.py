"""What an owner's commands write and programs read, with secrets in it: a model kept as JSON, in a file that only its
owner reads, or in a document of PostgreSQL. Safe in any number of processes, on any number of nodes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from whatsapp_mcp.documents import changing_document, document_version, read_document
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.platform.file_lock import FileLock
from whatsapp_mcp.platform.files import remove
from whatsapp_mcp.platform.ownership import how_to_close, not_ours_alone, others_may_read
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.whereabouts import Place

M = TypeVar("M", bound=BaseModel)
Stamp = tuple[int, int, int, int]
"""Of a file: when it was written, its size, which one it is, and when that changed; of a document its version alone."""

_LARGEST: Final = 4 << 20
"""Bytes of a file."""


class OutOfReach(SetupError):
    """It lies in a database that cannot be asked now: nothing is known of it, good or bad."""


class KeptModel(Generic[M]):
    """One such model; as it is by default where nothing was written."""

    def __init__(self, place: Place, kind: type[M], what: str, *, is_empty: Callable[[M], bool] | None = None) -> None:
        """
        Args:
            what: it holds, in the plural, for errors.
            is_empty: whether nothing needs to be there.
        """
        self._place = place
        self._kind = kind
        self._what = what
        self._is_empty = is_empty or (lambda _: False)

    def stamp(self) -> Stamp | None:
        """Another one when it was written anew; None: there is none. Raises SetupError: nobody can tell."""
        if not isinstance(self._place, Path):
            with self._as_setup():
                version = document_version(self._place)
            return (0, version, 0, 0) if version is not None else None
        return stamp_of(self._place)

    def read(self) -> M:
        """Raises SetupError: it is damaged, open to others, or cannot be read."""
        if isinstance(self._place, Path):
            return self._in_file(self._place)
        with self._as_setup():
            return self._parsed(read_document(self._place))

    @contextmanager
    def changing(self, patience: float) -> Iterator[M]:
        """What is there; written back when the body has ended well.

        Args:
            patience: seconds to wait for another change; each takes milliseconds.

        Raises:
            SetupError: as ``read``; or it cannot be written.
        """
        if not isinstance(self._place, Path):
            with self._as_setup(), changing_document(self._place) as draft:
                content = self._parsed(draft.content)
                yield content
                draft.content = None if self._is_empty(content) else _written(content)
            return
        try:
            path = self._place.with_suffix(".lock")
            if (lock := FileLock.wait(path, patience)) is None:
                raise SetupError(f"{path} is held by another program", next_step="Try again.")
            try:
                content = self._in_file(self._place)
                yield content
                if self._is_empty(content):
                    remove(self._place)
                else:
                    write_private(self._place, _written(content))
            finally:
                lock.release()
        except OSError as error:
            raise unusable(self._place, error) from None

    def _in_file(self, path: Path) -> M:
        try:
            with path.open("rb") as file:
                why = not_ours_alone(os.fstat(file.fileno()))
                open_to = others_may_read(file.fileno())
                written = file.read(_LARGEST)
        except FileNotFoundError:
            return self._kind()
        except OSError as error:
            raise unusable(path, error) from None
        if why is not None:
            raise SetupError(f"the file {path} {why}", next_step="Find out who made it so, then delete it.")
        if open_to is not None:
            raise SetupError(f"the file {path} can be read by others ({open_to})", next_step=how_to_close(path))
        return self._parsed(written)

    def _parsed(self, written: bytes | None) -> M:
        if written is None:
            return self._kind()
        try:
            return self._kind.model_validate_json(written)
        except ValidationError:
            raise SetupError(
                f"the file {self._place} holds no {self._what} that can be read",
                next_step=f"Delete it and make the {self._what} anew, or upgrade if a newer version wrote it.",
            ) from None

    @contextmanager
    def _as_setup(self) -> Iterator[None]:
        """A database that cannot be used is no worse than a file that cannot, and may be back in a moment."""
        try:
            yield
        except StoreError as error:
            raise OutOfReach(f"the {self._what} cannot be read: {error.message}", next_step=error.next_step) from error


def stamp_of(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


def unusable(path: Path, error: OSError) -> SetupError:
    """The system does not let it be read or written."""
    return SetupError(
        f"the file {path} cannot be used: {error.strerror}",
        next_step="Make it readable and its folder writable for the user that runs the server.",
    )


def _written(content: BaseModel) -> bytes:
    return content.model_dump_json(indent=1, exclude_defaults=True).encode() + b"\n"
