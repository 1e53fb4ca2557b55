"""A session process without WhatsApp, run as a script: it speaks the pipe's protocol and misbehaves as it is told.

``script.json`` in the account folder is a list: what the first, second, … process does; the last entry stays valid.
``journal.jsonl`` beside it is what the processes did, one line each. Plain JSON and no import of ours: it starts fast,
and the manager's own validation tells when the protocol moved on.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

OWN = "4915100000009:7@s.whatsapp.net"
OWN_LID = "100000000000009:7@lid"


class FakeProcess:
    def __init__(self) -> None:
        self.hello: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
        self.session_db = Path(self.hello["session_db"])
        self.folder = self.session_db.parent
        script: list[str] = json.loads((self.folder / "script.json").read_text())
        starts = self.journal().count("start")
        self.behaviour, _, self.argument = script[min(starts, len(script) - 1)].partition(":")
        self.note("start")

    # -- what the tests see -------------------------------------------------------------------------------------------

    def journal(self) -> list[str]:
        path = self.folder / "journal.jsonl"
        return [json.loads(line)["what"] for line in path.read_text().splitlines()] if path.exists() else []

    def note(self, what: str, **more: Any) -> None:
        line = json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n"
        descriptor = os.open(self.folder / "journal.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    # -- the pipe -----------------------------------------------------------------------------------------------------

    def say(self, **line: Any) -> None:
        self.say_raw(json.dumps(line).encode())

    def say_raw(self, line: bytes) -> None:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    def state(self, state: str, **more: Any) -> None:
        self.say(type="state", state=state, **more)

    def connected(self) -> None:
        self.state("connected", own_jid=OWN, own_lid=OWN_LID, push_name="Me", platform="android")

    def end(self, reason: str, detail: str = "") -> NoReturn:
        self.note("end", reason=reason)
        self.say(type="ended", reason=reason, detail=detail)
        os._exit(0)

    def crash(self) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    # -- behaviours ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        match self.behaviour:
            case "connect" | "ignore_calls" | "crash_on_call" | "answer_late" | "hang_on_stop" | "refuse":
                self.state("connecting")
                self.connected()
            case "garbage":
                self.say_raw(b"SendMessage: Error sending message: x")
                self.say_raw(b"\xff\xfe\x00")
                self.say_raw(b'{"type": "state", "state": "confused"}')
                self.say_raw(b'{"type": "reply", "id": 999, "result": {}}')
                self.say_raw(b"x" * int(self.argument or 0))
                self.connected()
            case "stuck":
                self.state("connecting")
            case "crash":
                self.crash()
            case "exit":
                os._exit(int(self.argument))
            case "crash_connected":
                self.connected()
                self.crash()
            case "end":
                self.state("connecting")
                self.connected()
                self.end(self.argument, "because of the test")
            case "end_at_once":
                self.end(self.argument, "because of the test")
            case "ended_but_alive":
                self.connected()
                self.say(type="ended", reason="replaced", detail="")
                time.sleep(600)
            case "close_stdout":
                self.connected()
                os.close(1)
                time.sleep(600)
            case "stored":
                self.connected()
                for arrival in (1, 5, 3):
                    self.say(type="stored", newest_arrival=arrival)
            case "qr":
                self.show_codes()
            case other:
                raise AssertionError(other)
        self.answer_calls()

    def show_codes(self) -> None:
        """A code per ``argument`` seconds; a file named ``scan`` in the folder pairs, one named ``give_up`` ends."""
        seconds = float(self.argument or 60)

        def show() -> None:
            number, shown_at = 0, 0.0
            while True:
                if number == 0 or time.monotonic() - shown_at > seconds:
                    number, shown_at = number + 1, time.monotonic()
                    self.say(type="qr", text=f"code {number}", seconds=seconds)
                if (self.folder / "scan").exists():
                    self.link_device()
                    self.state("connecting")
                    self.connected()
                    return
                if (self.folder / "give_up").exists():
                    self.end("qr_timeout", "nobody scanned")
                time.sleep(0.01)

        threading.Thread(target=show, daemon=True).start()

    def link_device(self) -> None:
        connection = sqlite3.connect(self.session_db)
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT)")
        connection.execute("INSERT OR REPLACE INTO whatsmeow_device (jid) VALUES (?)", (OWN,))
        connection.commit()
        connection.close()

    def answer_calls(self) -> None:
        while line := sys.stdin.buffer.readline():
            call = json.loads(line)
            self.note("call", command=call["command"], arguments=call["arguments"], timeout=call["timeout"])
            match self.behaviour:
                case "ignore_calls":
                    continue
                case "crash_on_call":
                    self.crash()
                case "answer_late":
                    threading.Timer(float(self.argument), self.answer, [call]).start()
                case "refuse":
                    error = {"code": "rate_limited", "message": "slow", "details": {"retry_after_seconds": 7}}
                    self.say(type="reply", id=call["id"], error=error)
                case _:
                    self.answer(call)
        self.note("eof")
        if self.behaviour == "hang_on_stop":
            time.sleep(600)
        self.end("stopped")

    def answer(self, call: dict[str, Any]) -> None:
        result: Any = None
        if call["command"] == "pair_phone":
            result = "ABCD-" + call["arguments"]["digits"][-4:]
        elif call["command"] == "send_message":
            result = {"message_id": "S1", "chat": call["arguments"]["chat"], "timestamp": 1}
        self.say(type="reply", id=call["id"], result=result)


if __name__ == "__main__":
    FakeProcess().run()
