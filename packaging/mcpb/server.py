"""Where the bundle begins: serves the host that started it over stdin and stdout."""

import sys

from whatsapp_mcp.__main__ import main

if __name__ == "__main__":
    sys.argv[1:] = sys.argv[1:] or ["stdio"]
    main()
