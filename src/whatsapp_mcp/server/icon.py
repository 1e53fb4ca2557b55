"""The server's icon: a speech bubble of our own, no trademark. A `data:` URI, so that no host has to fetch it; it goes
with every result of revision 2026-07-28, and so is small."""

from __future__ import annotations

from typing import Final

PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAADAAAAAwAgMAAAAqbBEUAAAACVBMVEUAAAAAlm7///8GYp1SAAAAAXRSTlMAQObYZgAAAItJREFUeNqtjrENwzAMBE8E"
    "3avJPhrBRTJlUngEjcReBOTCYEK4SgKz+sM/ng9XXoFlBWBsCByaBYQSoYagARWhBiiS24T2KT45/8GtLWu5Awq0UVXLbwXdzH0ChcfbeF6wrYecZ8dC"
    "OoIHGMIM6Ahshx6gMGC+0h/PTy3B7Ak8b7MEkUJSCkmpb28HuPkhI1uBHSIAAAAASUVORK5CYII="
)
"""48 × 48, in base64."""
URI: Final = f"data:image/png;base64,{PNG}"
