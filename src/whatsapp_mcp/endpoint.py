"""Where a simulated WhatsApp listens: the endpoint file that a simulator writes and the session process reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import not_ours_alone
from whatsapp_mcp.private_files import write_private

_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Endpoint(BaseModel):
    """``{"proxy": "http://127.0.0.1:PORT", "ca_file": "…", "noise_root": "64 hex digits"}``."""

    model_config = ConfigDict(frozen=True)

    proxy: Annotated[str, StringConstraints(pattern=r"^http://(127\.0\.0\.1|localhost|\[::1\]):\d+$")]
    """HTTP proxy that answers CONNECT; loopback only, so that a simulated session cannot leave the machine."""
    ca_file: str
    """PEM file with the authority that signed the simulator's TLS certificate."""
    noise_root: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]
    """Public root key of the Noise certificate chain, hex."""

    @property
    def root_public(self) -> bytes:
        """The root key, 32 bytes."""
        return bytes.fromhex(self.noise_root)

    @classmethod
    def read(cls, path: Path) -> Endpoint:
        """Raises SetupError when the file is missing, another user's, or not an endpoint file."""
        try:
            if (why := not_ours_alone(path.stat())) is not None:
                raise SetupError(f"endpoint file {path} {why}", next_step="Use an endpoint file of your own.")
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise SetupError(
                f"endpoint file {path} cannot be read: {error.strerror}",
                next_step="Start `whatsapp-mcp simulate --endpoint FILE` first, or unset WHATSAPP_MCP_ENDPOINT.",
            ) from error
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"]) or "file"
            raise SetupError(f"endpoint file {path}: {field}: {problem['msg']}") from error

    def write(self, path: Path) -> None:
        """Write the file whole or not at all, readable by its owner only."""
        write_private(path, self.model_dump_json().encode() + b"\n")

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        """``base`` changed so that a Go program executed with it talks to this endpoint only.

        Go's runtime reads the environment that existed at exec time; setting variables later has no effect.
        """
        skip = {*_PROXY_VARIABLES, *(name.lower() for name in _PROXY_VARIABLES)}
        environment = {name: value for name, value in base.items() if name not in skip}
        return environment | {
            "HTTPS_PROXY": self.proxy,
            "HTTP_PROXY": self.proxy,
            "SSL_CERT_FILE": self.ca_file,
            "SSL_CERT_DIR": "/nonexistent",
        }
