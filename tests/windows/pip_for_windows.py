"""pip, as if it ran on Windows with Python 3.11: ``python pip_for_windows.py PIP-ARGUMENTS``.

``pip install --platform`` chooses the wheels of another system and evaluates the markers of this one, so that pywin32
would be missing and python-magic stand where python-magic-bin belongs. Whether the outcome fits together is told
afterwards by ``pip check`` in that Python itself.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from pip._internal.cli.main import main
from pip._vendor.packaging import markers

_WINDOWS: Final = {
    "implementation_name": "cpython",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_release": "10",
    "platform_system": "Windows",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "win32",
}
_here: Final = markers.default_environment

if __name__ == "__main__":
    # Any: pip's releases do not agree on the type that it returns.
    windows: Any = lambda: {**_here(), **_WINDOWS}  # noqa: E731
    markers.default_environment = windows
    sys.exit(main(sys.argv[1:]))
