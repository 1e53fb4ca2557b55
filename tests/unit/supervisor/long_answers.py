"""A session process that answers at length, run as a script with the account's folder: its end of the connection is the
real one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Device, Group, GroupMember
from whatsapp_mcp.pipe.account import GetDevice
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import PairPhone
from whatsapp_mcp.pipe.groups import GetGroup, ListGroups
from whatsapp_mcp.pipe.lines import LISTENS, Attach, Notice, Welcome
from whatsapp_mcp.pipe.pieces import MAX_LINE
from whatsapp_mcp.platform.endpoint import listen
from whatsapp_mcp.worker.clients import Clients

GROUPS, MEMBERS = 40, 250
NAME = "n" * 2_000


def group(number: int, members: int = MEMBERS) -> Group:
    people = tuple(
        GroupMember(jid=Jid(str(4915100000000 + each), "s.whatsapp.net"), display_name=NAME) for each in range(members)
    )
    return Group(jid=Jid(str(120363000000000000 + number), "g.us"), name=f"Group {number}", members=people)


class Answers:
    def __init__(self) -> None:
        self.finished = asyncio.Event()

    def answer(self, _attach: Attach) -> Welcome:
        return Welcome(pid=os.getpid(), version="1")

    def standing(self) -> Sequence[Notice]:
        return ()

    def is_moving(self, _command: Command[Any]) -> bool:
        return False

    async def run_command(self, command: Command[Any], _timeout: float) -> Any:
        match command:
            case ListGroups():
                return tuple(group(number) for number in range(GROUPS))
            case GetGroup():
                return group(0, GROUPS * MEMBERS)
            case PairPhone():
                return command.digits[-4:] + str(len(command.digits))
            case GetDevice():
                return Device(jid=Jid("1", "s.whatsapp.net"), lid=None, push_name="", business_name="", platform="")
            case _:
                raise NotImplementedError(command.name)

    def joined(self) -> None:
        pass

    def left(self) -> bool:
        self.finished.set()
        return False


async def main(folder: Path) -> None:
    answers = Answers()
    listener = await listen(folder, Clients(answers).accept, limit=MAX_LINE)
    os.write(1, LISTENS)
    await answers.finished.wait()
    listener.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
