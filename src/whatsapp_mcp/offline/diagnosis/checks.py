"""What a check of `whatsapp-mcp doctor` says."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, but not as it should."""
    PROBLEM = "problem"
    """It does not work, or it is not safe."""


class Check(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    verdict: Verdict
    message: str
    next_step: str | None = None
    """What to do; None when all is well."""


class Diagnosis(BaseModel):
    model_config = ConfigDict(frozen=True)

    healthy: bool
    """No problem; warnings do not count."""
    checks: tuple[Check, ...]


def ok(name: str, message: str) -> Check:
    return Check(name=name, verdict=Verdict.OK, message=message)


def warning(name: str, message: str, next_step: str) -> Check:
    return Check(name=name, verdict=Verdict.WARNING, message=message, next_step=next_step)


def problem(name: str, message: str, next_step: str) -> Check:
    return Check(name=name, verdict=Verdict.PROBLEM, message=message, next_step=next_step)
