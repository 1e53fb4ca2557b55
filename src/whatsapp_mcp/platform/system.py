"""What a system has at all."""

from __future__ import annotations

import sys
from typing import Final

HAS_SIMULATOR: Final = sys.platform.startswith("linux")
"""Whether neonize can be made to trust the simulator: elsewhere Go asks the system which certificates to trust."""

UNTRIED: Final = {"darwin": "macOS", "win32": "Windows"}.get(sys.platform)
"""The name of a system on which this release was not run as a whole; None where it was."""
