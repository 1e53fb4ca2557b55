"""What differs between Linux, macOS and Windows, one subject a module: each takes its names from ``posix`` or
``windows``, which keep the same promises and pass the same tests. Nothing above this room asks which system it is."""
