"""What depends on the operating system, and nothing else: one subject a module, the same names for every system.

``platform/<subject>.py`` hands out what ``platform/posix/<subject>.py`` (Linux and macOS) or
``platform/windows/<subject>.py`` make; both define the same names with the same parameters, which
``tests/contract/test_platform.py`` holds so. ``names`` and ``system`` are the same text everywhere. Only here are flags
of ``open``, descriptors, signals, process ids and ``sys.platform`` spoken of. The ground: uses nothing but ``errors``.
"""
