"""The report: a table that may be shown to anybody.

Every word in it comes from a list here. Whatever else is handed in, a name say, is left out: a step cannot give a
secret away, be it by mistake or because somebody else chose an error's code.
"""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from whatsapp_mcp import __version__
from whatsapp_mcp.errors import CODES
from whatsapp_mcp.offline.verify.sequence import Result
from whatsapp_mcp.offline.verify.sight import Ending, Left, Sight
from whatsapp_mcp.offline.verify.steps import STEPS

WITHHELD: Final = "(other)"
SERVICES: Final = ("WhatsApp", "simulator")
_SYSTEMS: Final = ("Linux", "Darwin", "Windows")
_WORDS: Final = frozenset(
    [
        *(step.name for step in STEPS),
        *(step.expected for step in STEPS),
        *Sight,
        *Ending,
        *Left,
        *CODES,
        *SERVICES,
        *_SYSTEMS,
    ]
)
_VERSION: Final = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}((a|b|rc|\.dev|\.post)\d{1,3})?", re.ASCII)
_LONGEST: Final = 9_999.0
_PACKAGES: Final = ("neonize", "mcp")


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known at the end of a run."""

    service: str
    """One of ``SERVICES``."""
    results: Sequence[Result]
    left: Sequence[Left]

    @property
    def is_as_expected(self) -> bool:
        """What was not tried because it was not wanted, or nobody was at the phone, does not count."""
        waived = {Sight.NOBODY_AT_PHONE, Sight.NOT_WANTED, Sight.ALREADY}
        excused = {
            result.step.name
            for result in self.results
            if result.ending is Ending.NOT_TRIED and set(result.seen) & waived
        }
        for result in self.results:
            if result.ending is Ending.NOT_TRIED and set(result.step.needs) & excused:
                excused.add(result.step.name)
        return not self.left and all(
            result.ending is Ending.AS_EXPECTED or result.step.name in excused for result in self.results
        )

    def counts(self) -> str:
        """As ``25 as expected, 1 differs``."""
        found = Counter(result.ending for result in self.results)
        return ", ".join(f"{found[ending]} {ending}" for ending in Ending if found[ending])


def report_text(findings: Findings) -> str:
    """Markdown."""
    lines = [
        "# whatsapp-mcp verify",
        "",
        f"- service: {_word(findings.service)}",
        *(f"- {name}: {_version(found)}" for name, found in _versions()),
        f"- system: {_word(platform.system())}",
        f"- result: {findings.counts()}",
        f"- left behind: {_words(findings.left) or 'nothing'}",
        "",
        "| Step | Expected | Outcome | Seen | Error | Seconds |",
        "|---|---|---|---|---|---|",
        *(_row(result) for result in findings.results),
    ]
    return "\n".join(lines) + "\n"


def report_json(findings: Findings) -> dict[str, Any]:
    """The same, for programs."""
    return {
        "service": _word(findings.service),
        "as_expected": findings.is_as_expected,
        "versions": {name: _version(found) for name, found in _versions()},
        "system": _word(platform.system()),
        "left_behind": [_word(one) for one in findings.left],
        "steps": [
            {
                "step": _word(result.step.name),
                "expected": _word(result.step.expected),
                "outcome": _word(result.ending),
                "seen": [_word(one) for one in result.seen],
                "error": _word(result.code) if result.code else None,
                "seconds": _seconds(result),
            }
            for result in findings.results
        ],
    }


def _seconds(result: Result) -> float:
    return round(min(max(result.seconds, 0.0), _LONGEST), 1)


def _row(result: Result) -> str:
    cells = (
        _word(result.step.name),
        _word(result.step.expected),
        _word(result.ending),
        _words(result.seen),
        _word(result.code) if result.code else "",
        f"{_seconds(result):.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _words(words: Iterable[str]) -> str:
    return ", ".join(map(_word, words))


def _word(text: str) -> str:
    return str(text) if text in _WORDS else WITHHELD


def _version(text: str) -> str:
    return text if _VERSION.fullmatch(text) else WITHHELD


def _versions() -> list[tuple[str, str]]:
    found = [("whatsapp-web-mcp", __version__)]
    for name in _PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, ""))
    return [*found, ("Python", platform.python_version())]
