"""A process that holds an account as the session process does. Says ``held EPOCH``, then lives until it loses it."""

from __future__ import annotations

import os
import sys
import time

from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.cluster.names import application_tag


def main() -> None:
    url, account, node, place = sys.argv[1:]
    os.environ["PGAPPNAME"] = tag = application_tag(account, str(os.getpid()))
    lease = take(url, Claim(account, node, place=place, tag=tag))
    lease.keep(lambda why: os._exit(4))
    sys.stdout.write(f"held {lease.epoch}\n")
    sys.stdout.flush()
    time.sleep(120)


if __name__ == "__main__":
    main()
