"""``python -m whatsapp_mcp`` and the ``whatsapp-mcp`` command."""

import gc
import os

gc.disable()  # importing makes many objects and hardly any garbage; the commands switch it on again
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # there are none; all packages would be looked through

if os.getpid() == 1:
    from whatsapp_mcp.platform.signals import exit_when_terminated

    exit_when_terminated()  # or the kernel drops what a container is told while this is still being imported

from whatsapp_mcp.cli import cli  # noqa: E402 - after all that
from whatsapp_mcp.platform.console import never_fail_on_text  # noqa: E402


def main() -> None:
    never_fail_on_text()
    cli(prog_name="whatsapp-mcp")


if __name__ == "__main__":
    main()
