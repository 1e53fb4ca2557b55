"""``python -m whatsapp_mcp`` and the ``whatsapp-mcp`` command."""

import gc

gc.disable()  # importing makes many objects and hardly any garbage; the commands switch it on again

from whatsapp_mcp.cli import cli  # noqa: E402 - after the collector is off


def main() -> None:
    cli(prog_name="whatsapp-mcp")


if __name__ == "__main__":
    main()
