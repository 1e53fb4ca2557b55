"""The one list of tests that fail for wine's sake and would not on Windows, as a plugin of pytest for the rig.

What Windows itself does not have (signals, modes, links ...) is marked at the test, from ``tests/unit/systems.py``.
"""

from __future__ import annotations

from typing import Final

import pytest

_ACCESS: Final = "wine inherits no access lists, and its icacls does nothing"
_DELETED: Final = "wine does not say of an open file that it was deleted"
_LIMITS: Final = "wine's job objects limit nothing"
_SPEED: Final = "files and processes of wine are slower than Windows', so that the figure says nothing"

OF_WINE: Final = {
    "tests/unit/offline/test_upgrades.py": {
        "test_nothing_newer": "the rig runs this project from its folder: it is not installed, and has no version",
    },
    "tests/unit/platform/test_files.py": {
        "test_who_writes_a_new_file_sees_that_it_was_deleted": _DELETED,
    },
    "tests/unit/platform/test_own_limits.py": {
        "test_memory": _LIMITS,
        "test_time": _LIMITS,
    },
    "tests/unit/platform/test_ownership.py": {
        "test_what_is_made_in_a_private_folder": _ACCESS,
        "test_what_others_may_use_is_told_with_the_way_to_close_it": _ACCESS,
    },
    "tests/unit/policy/test_audit.py": {
        "test_ten_processes_write_at_once_and_one_is_killed": "wine appends in two steps, looking for the end first",
    },
    "tests/unit/policy/test_policy_book.py": {
        "test_a_call_costs_less_than_a_millisecond": _SPEED,
    },
    "tests/unit/policy/test_policy_file.py": {
        "test_a_look_costs_some_microseconds": _SPEED,
    },
    "tests/unit/server/test_server_stdio.py": {
        "test_regular_files_serve_as_well": "wine takes no regular files as standard handles",
    },
    "tests/unit/side_login/test_passive_login.py": {
        "test_the_authorities_of_the_system_decide[False]": "wine's rules for TLS pass a chain that ends below a root",
    },
    "tests/unit/whatsapp/test_media_downloads.py": {
        "test_it_ends_when_nobody_waits": _DELETED,
    },
}
"""File, then name of the test (without parameters, or with those of one case), and why."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file, _, name = item.nodeid.partition("::")
        of_file = OF_WINE.get(file, {})
        reason = of_file.get(name) or of_file.get(name.partition("[")[0])
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
