"""A session process that answers at length, run as a script: its end of the pipe is the real one."""

from __future__ import annotations

import asyncio
from typing import Any

from whatsapp_mcp.descriptors import Descriptors, claim_stdio
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Device, Group, GroupMember
from whatsapp_mcp.pipe.account import PairPhone
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.groups import GetGroup, ListGroups
from whatsapp_mcp.worker.server_pipe import ServerPipe

GROUPS, MEMBERS = 40, 250
NAME = "n" * 2_000


def group(number: int, members: int = MEMBERS) -> Group:
    people = tuple(
        GroupMember(jid=Jid(str(4915100000000 + each), "s.whatsapp.net"), display_name=NAME) for each in range(members)
    )
    return Group(jid=Jid(str(120363000000000000 + number), "g.us"), name=f"Group {number}", members=people)


async def run(command: Command[Any], _timeout: float) -> Any:
    match command:
        case ListGroups():
            return tuple(group(number) for number in range(GROUPS))
        case GetGroup():
            return group(0, GROUPS * MEMBERS)
        case PairPhone():
            return command.digits[-4:] + str(len(command.digits))
        case _:
            return Device(jid=Jid("1", "s.whatsapp.net"), lid=None, push_name="", business_name="", platform="")


async def main(wire: Descriptors) -> None:
    pipe = await ServerPipe.open(wire)
    await pipe.hello()
    await pipe.serve(run)


if __name__ == "__main__":
    asyncio.run(main(claim_stdio()))
