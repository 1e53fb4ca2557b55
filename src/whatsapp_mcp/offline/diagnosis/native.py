"""What the installed neonize wheel is, as `status` and `doctor` show it."""

from __future__ import annotations

from whatsapp_mcp.wire.native import NativeLibrary, installed_version, library_name, library_path, read_library

__all__ = ["NativeLibrary", "installed_version", "library_name", "library_path", "read_library"]
