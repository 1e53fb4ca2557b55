"""The endpoint file: how a session process finds a WhatsApp that is not WhatsApp's."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything a client needs to be told to talk to a simulator."""

    proxy: str
    """``http://127.0.0.1:PORT``, an HTTP proxy (CONNECT) that leads to the simulator only."""
    ca_file: Path
    """Certificates to trust for TLS, PEM."""
    noise_root: bytes
    """32 bytes: the public key that signs the server's Noise certificate, in place of WhatsApp's."""

    def to_json(self) -> str:
        return json.dumps({"proxy": self.proxy, "ca_file": str(self.ca_file), "noise_root": self.noise_root.hex()})

    def write(self, path: Path) -> None:
        """Write the file (mode 0600) in one step: a reader sees the old one or the whole new one."""
        write_private(path, self.to_json() + "\n")

    @classmethod
    def read(cls, path: Path) -> Endpoint:
        """Read an endpoint file.

        Raises:
            ValueError: it is not one; the text says which field is wrong.
            OSError: it cannot be read.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            proxy, ca_file, root = data["proxy"], data["ca_file"], bytes.fromhex(data["noise_root"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not an endpoint file: {error}") from error
        if not (isinstance(proxy, str) and proxy.startswith("http://127.0.0.1:")):
            raise ValueError(f"{path}: proxy must be http://127.0.0.1:PORT, not {proxy!r}")
        if len(root) != 32:
            raise ValueError(f"{path}: noise_root must be 64 hex digits")
        return cls(proxy, Path(ca_file), root)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp creates with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
