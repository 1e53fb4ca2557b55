"""`policy.toml`: what the owner wrote, over a preset, read again whenever it changes: a file or a document.

A file that is wrong or cannot be read fails closed: nothing that changes anything is done (:meth:`PolicyFile.to_change`
raises), while reading goes on under the last rules that were right, or under ``locked`` when this process never saw
any. A file that is missing means the preset alone, from some seconds after it went; one that is empty is wrong, because
that is how a file looks that is just being written.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from whatsapp_mcp.catalog import SelectionError, load_catalog, select
from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.documents import document_version, read_document
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.policy.rules import PRESETS, Preset, Rules
from whatsapp_mcp.whereabouts import Place, StoredDocument

_LARGEST: Final = 1_000_000
"""Bytes."""
_SETTLED_NS: Final = 2_000_000_000
"""A file that was written so short a time ago can change again without its time changing: it is read each time."""

_GONE_SECONDS: Final = 2.0

_Stamp = tuple[int, int, int, int, int]


class PolicyFile:
    """What holds for an account now. Looking costs a ``stat``, or a question to PostgreSQL where it is a document
    there; reading some hundred microseconds."""

    def __init__(self, place: Place, preset: Preset, clock: Callable[[], float] = time.monotonic) -> None:
        """``preset``: holds where the file names none, or there is none."""
        self.place = place
        self._stamped = partial(_stamp_of, str(place)) if isinstance(place, Path) else partial(_stamp_in, place)
        self._clock = clock
        self._gone_since: float | None = None
        self._preset = preset
        self._stamp: _Stamp | None = None
        self._looked = False
        self._lock = threading.Lock()
        """A look that began later never hands back what one before it saw."""
        self._rules = PRESETS["locked"]
        self._problem: SetupError | StoreError | None = None

    @property
    def rules(self) -> Rules:
        """For what only reads: also while the file is wrong."""
        with self._lock:
            self._look()
            return self._rules

    @property
    def is_written(self) -> bool:
        """Whether there is anything beside the preset."""
        with self._lock:
            self._look()
            return self._stamp is not None

    @property
    def as_seen(self) -> Rules:
        """Those that held when somebody looked last: for what belongs to a call that has looked."""
        return self._rules

    @property
    def problem(self) -> SetupError | StoreError | None:
        """What is wrong with the file now."""
        with self._lock:
            self._look()
            return self._problem

    @property
    def problem_as_seen(self) -> SetupError | StoreError | None:
        """What was wrong with it when somebody looked last."""
        return self._problem

    def to_change(self) -> Rules:
        """For what changes or sends anything.

        Raises:
            SetupError: the file is wrong or cannot be read; says where, and what is expected.
            StoreError: the database that it is in cannot be used now.
        """
        with self._lock:
            self._look()
            if self._problem is not None:
                raise self._problem
            return self._rules

    def _look(self) -> None:
        try:
            stamp = self._stamped()
        except StoreError as error:
            self._problem = _out_of_reach(error)
            self._looked = False
            return
        if self._looked and stamp == self._stamp:
            return
        if stamp is None and self._stamp is not None and self._is_being_replaced():
            return
        self._gone_since = None
        try:
            self._rules = read_rules(self.place, self._preset)
            self._problem = None
        except (SetupError, StoreError) as error:
            self._problem = error
        self._stamp = stamp
        settled = stamp is None or abs(time.time_ns() - stamp[0]) > _SETTLED_NS
        self._looked = settled or not isinstance(self.place, Path)

    def _is_being_replaced(self) -> bool:
        """Whether the file went only now: editors move it away before they write the new one."""
        if not isinstance(self.place, Path):
            return False
        now = self._clock()
        if self._gone_since is None:
            self._gone_since = now
        return now - self._gone_since < _GONE_SECONDS


def _stamp_of(path: str) -> _Stamp | None:
    if not os.access(path, os.F_OK):  # most accounts have none, and an exception for each call takes longer than this
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 - on the way of every call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_dev, found.st_ino


def _stamp_in(place: StoredDocument) -> _Stamp | None:
    version = document_version(place)
    return None if version is None else (version, 0, 0, 0, 0)


def read_rules(place: Place, preset: Preset) -> Rules:
    """What a policy file says; the preset where there is no file.

    Raises:
        SetupError: it is wrong, or somebody else may have written it; names file, line and field.
        StoreError: the database that it is in cannot be used now.
    """
    content = policy_text_at(place)
    return PRESETS[preset] if content is None else parse_rules(content, preset, place)


def policy_text_at(place: Place) -> str | None:
    """What was written; None where there is nothing. Raises SetupError as :func:`read_rules` does."""
    if isinstance(place, Path):
        return _content(place)
    try:
        content = read_document(place)
    except StoreError as error:
        raise _out_of_reach(error) from error
    if content is None:
        return None
    if not content.strip():
        raise _wrong(place, "is empty", "Write it with `whatsapp-mcp policy use FILE`.")
    return content.decode("utf-8", "replace")


def _content(path: Path) -> str | None:
    """The file, opened without following a link out of its folder; None when it is not there."""
    try:
        if not os.path.lexists(path):  # as for most accounts, which load nothing of what follows
            return None
        from whatsapp_mcp.platform.below import open_below
        from whatsapp_mcp.platform.ownership import how_to_close, not_ours_alone, others_may_change

        folder, place = Path(os.path.realpath(path.parent)), Path(os.path.realpath(path))
        if not place.is_relative_to(folder):
            raise _wrong(path, "is a link that leads out of its folder", f"Copy what it leads to to {path}.")
        descriptor = open_below(folder, place, folder / "media")
        if descriptor is None:
            raise _wrong(path, "is not a file", f"Move it away; `whatsapp-mcp policy init` writes a new {path.name}.")
        with os.fdopen(descriptor, "rb") as file:
            why, by = not_ours_alone(os.fstat(descriptor)), others_may_change(place)
            content = file.read(_LARGEST + 1)
    except OSError as error:
        reason = error.strerror or "it has another name, or lies in another folder"
        raise _wrong(path, f"cannot be read: {reason}", "Make it readable for the server's user.") from error
    if why is not None or by is not None:
        raise _wrong(path, why or f"can be changed by others ({by})", f"Look what it says, then: {how_to_close(path)}")
    if not content:
        raise _wrong(path, "is empty", "Write it, or delete it: then the preset alone holds.")
    if len(content) > _LARGEST:
        raise _wrong(path, f"is larger than {_LARGEST} bytes", "Shorten it.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _wrong(path, f"is not UTF-8 in line {line}", "Save it as UTF-8.") from error


def parse_rules(content: str, preset: Preset, path: Place) -> Rules:
    """Raises SetupError as :func:`read_rules` does."""
    import tomllib

    try:
        said = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        reason = error.args[0] if error.args else "it ends too early"
        raise _wrong(path, f"is no TOML: {reason}", "Correct that line.") from error
    named = said.get("preset", preset)
    if not isinstance(named, str) or named not in PRESETS:
        raise _field(path, content, ("preset",), f"expected one of {', '.join(PRESETS)}")
    try:
        # As JSON, since strict checks of Python values take no list for a tuple.
        rules = Rules.model_validate_json(json.dumps(_merged(PRESETS[named], said), default=str), strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = tuple(problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise _field(path, content, place, _unknown(place)) from error
        raise _field(path, content, place, _expected(problem["msg"])) from error
    _check_names(rules, path, content)
    return rules


def _check_names(rules: Rules, path: Place, content: str) -> None:
    """Raises SetupError for chats and tools that there cannot be: a list with a typing error in it protects nothing."""
    lists = {"read": ("allow", "deny"), "send": ("allow", "deny", "trusted")}
    for part, field in ((part, field) for part, fields in lists.items() for field in fields):
        for index, entry in enumerate(getattr(getattr(rules, part), field)):
            try:
                ChatList.parse((entry,))
            except SetupError as error:
                raise _field(path, content, (part, field, index), f"{error.message}. {error.next_step}") from error
    if rules.toolsets is not None:
        try:
            select(load_catalog(), rules.toolsets)
        except SelectionError as error:
            raise _field(path, content, ("toolsets",), error.message) from error


def _merged(base: BaseModel, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said over the base, field by field."""
    merged: dict[str, Any] = dict(base)
    for name, value in said.items():
        part = getattr(base, name, None)
        merged[name] = _merged(part, value) if isinstance(part, BaseModel) and isinstance(value, dict) else value
    return {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value for name, value in merged.items()
    }


def _expected(said: str) -> str:
    return said.removeprefix("Input ").replace("valid object", "table").replace("an object", "a table")


def _unknown(place: tuple[int | str, ...]) -> str:
    known = Rules.model_fields
    if len(place) > 1:
        part = known[str(place[0])].annotation
        assert isinstance(part, type) and issubclass(part, BaseModel)
        known = part.model_fields
    meant = near_miss(str(place[-1]), known)
    if meant is not None:
        return f"there is no such field; did you mean {meant}?"
    return f"there is no such field; expected one of {', '.join(known)}"


def _field(path: Place, content: str, place: tuple[int | str, ...], expected: str) -> SetupError:
    line = _line_of(content, [str(part) for part in place if isinstance(part, str)])
    where = f" (line {line})" if line is not None else ""
    name = ".".join(str(part) for part in place)
    error = _wrong(path, f"is wrong at {name}{where}: {expected}", f"Correct {name} in {path}.")
    error.details["field"] = name
    return error


def _wrong(path: Place, what: str, next_step: str) -> SetupError:
    return SetupError(
        f"the policy {path} {what}; until it is corrected, nothing is sent or changed", next_step=next_step
    )


def _out_of_reach(error: StoreError) -> StoreError:
    return StoreError(
        f"the policy cannot be read, so nothing is sent or changed: {error.message}", next_step=error.next_step
    )


_HEADER: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_.\"' -]+?)\s*=")


def _line_of(content: str, place: list[str]) -> int | None:
    """Where a field stands; None where it is written in a way that this does not look for. The parser does not say."""
    table: list[str] = []
    for number, line in enumerate(content.splitlines(), 1):
        if (header := _HEADER.match(line)) is not None:
            table = _parts(header[1])
            found = table
        elif (key := _KEY.match(line)) is not None:
            found = table + _parts(key[1])
        else:
            continue
        if found == place:
            return number
    return None


def _parts(key: str) -> list[str]:
    return [part.strip(" \"'") for part in key.split(".")]
