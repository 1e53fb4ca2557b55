"""Why a configuration is not changed."""

from __future__ import annotations


class CannotChange(ValueError):
    """The text is not of its form, or is written in a way that is not changed here."""

    def __init__(self, reason: str) -> None:
        """``reason``: in our words; it names the line where there is one."""
        super().__init__(reason)
        self.reason = reason
