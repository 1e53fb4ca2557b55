"""What all tests begin with."""

from __future__ import annotations

import os

# pytest-xdist says how wide its terminal is; with that, a command whose output nobody sees would break its lines.
os.environ.pop("COLUMNS", None)
