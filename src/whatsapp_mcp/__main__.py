"""``python -m whatsapp_mcp`` and the ``whatsapp-mcp`` command."""

from whatsapp_mcp.cli import cli


def main() -> None:
    cli(prog_name="whatsapp-mcp")


if __name__ == "__main__":
    main()
