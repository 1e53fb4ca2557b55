"""What a client is told when its request is refused."""

from __future__ import annotations

__all__ = ["IqError"]


class IqError(Exception):
    """A request is refused. ``code`` and ``text`` go to the client as they are (``404``, ``item-not-found``)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
