"""A session process without WhatsApp, run as a script: it speaks the protocol and misbehaves as it is told.

``script.json`` in the account folder is a list: what the first, second, … process does; the last entry stays valid.
``journal.jsonl`` beside it is what the processes did, one line each. Plain JSON and no import of ours: it starts fast,
and the manager's own validation tells when the protocol moved on.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

OWN = "4915100000009:7@s.whatsapp.net"
OWN_LID = "100000000000009:7@lid"
ON_REQUEST = ("stopped", "restart", "unused", "retired", "logged_out_here")


def patiently(step: Callable[[], object]) -> None:
    """Replace or remove a file; on Windows that is refused while somebody reads it."""
    deadline = time.monotonic() + 20
    while True:
        try:
            step()
            return
        except PermissionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.005)


class FakeProcess:
    def __init__(self) -> None:
        self.folder = Path(sys.argv[1])
        self.hello: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
        self.session_db = Path(self.hello["keys"])
        self.ledger_path = Path(self.hello["ledger_path"])
        script: list[str] = json.loads((self.folder / "script.json").read_text())
        starts = self.journal().count("start")
        self.behaviour, _, self.argument = script[min(starts, len(script) - 1)].partition(":")
        self.clients: list[socket.socket] = []
        self.attached = threading.Event()
        self.speaking = threading.RLock()
        self.ending = threading.Lock()
        self.standing: bytes = b""
        self.found: Path | None = None
        self.secret = b""
        """The first line of who may be here; nothing where the system itself says who it is."""
        self.note("start")
        self.ledger: dict[str, Any] = json.loads(self.ledger_path.read_text()) if self.ledger_path.exists() else {}
        self.in_ledger(pid=os.getpid(), version="0", started_at=_now(), connected_at=None, ended=None, ended_at=None)

    # -- what the tests see -------------------------------------------------------------------------------------------

    def journal(self) -> list[str]:
        path = self.folder / "journal.jsonl"
        return [json.loads(line)["what"] for line in path.read_text().splitlines()] if path.exists() else []

    def note(self, what: str, **more: Any) -> None:
        line = json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n"
        descriptor = os.open(self.folder / "journal.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    def in_ledger(self, **fields: Any) -> None:
        self.ledger |= fields
        draft = self.ledger_path.with_suffix(".draft")
        draft.write_text(json.dumps(self.ledger))
        patiently(lambda: draft.replace(self.ledger_path))

    # -- clients ------------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        if sys.platform == "win32":
            self.found = self.folder / "session-address.json"
            self.secret = f"{secrets.token_hex(32)}\n".encode()
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
            address = {"port": self.listener.getsockname()[1], "secret": self.secret.decode().strip()}
            self.found.write_text(json.dumps(address))
        else:
            self.found = self.folder / "session.sock"
            self.found.unlink(missing_ok=True)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.found))
            self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()
        os.write(1, b"listens\n")
        os.close(1)

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        lines = client.makefile("rb")
        if self.secret and lines.readline() != self.secret:
            client.close()  # who only looked whether somebody listens
            return
        attach = json.loads(lines.readline())
        if self.behaviour == "refuse_client":
            refused = {"type": "refused", "why": self.argument, "version": "99.0", "pid": os.getpid()}
            client.sendall(json.dumps(refused).encode() + b"\n")
            client.close()
            return
        self.note("attach", client=attach["client"], noise_root=attach.get("noise_root"))
        welcome = {"type": "welcome", "pid": os.getpid(), "version": "0", "restarts": self.ledger.get("restarts", 0)}
        with self.speaking:  # one step: nothing is said, and nobody leaves, between how it stands and what comes next
            self.clients.append(client)
            with suppress(OSError):  # it may be gone already
                client.sendall(json.dumps(welcome).encode() + b"\n" + self.standing)
        self.attached.set()
        with suppress(OSError):  # gone, with something unread
            for line in lines:
                call = json.loads(line)
                if call.get("given_up"):
                    self.note("given up")
                else:
                    self.take(client, call)
        self.note("eof")
        with self.speaking:
            self.clients.remove(client)
            others = bool(self.clients)
        if self.hello["linger"] or others:
            client.close()
            return
        if self.behaviour == "hang_on_stop":
            time.sleep(600)
        self.end("unused")

    def say(self, **line: Any) -> None:
        self.say_raw(json.dumps(line).encode())

    def say_raw(self, line: bytes) -> None:
        with self.speaking:
            for client in self.clients:
                with suppress(OSError):  # it is gone
                    client.sendall(line + b"\n")

    def state(self, state: str, **more: Any) -> None:
        with self.speaking:
            self.standing = json.dumps({"type": "state", "state": state, **more}).encode() + b"\n"
            self.say_raw(self.standing.rstrip())

    def connected(self) -> None:
        self.in_ledger(connected_at=_now(), failures=0)
        self.state("connected", own_jid=OWN, own_lid=OWN_LID, push_name="Me", platform="android")

    def end(self, reason: str, detail: str = "", **more: str) -> NoReturn:
        self.ending.acquire()  # whoever comes second comes too late
        if self.found is not None:
            patiently(partial(self.found.unlink, missing_ok=True))
        self.note("end", reason=reason)
        ended = {"type": "ended", "reason": reason, "detail": detail, **more}
        if reason in ON_REQUEST:
            counts = {"failures": 0, "short_lives": 0}
        else:
            counts = {"restarts": self.ledger.get("restarts", 0) + 1}
            counts |= {name: self.ledger.get(name, 0) + 1 for name in self.count()}
        self.in_ledger(ended=ended, ended_at=_now(), **counts)
        self.say(**ended)
        os._exit(0)

    def count(self) -> list[str]:
        return ["failures" if self.ledger["connected_at"] is None else "short_lives"]

    def crash(self) -> NoReturn:
        os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)  # either ends it at once
        raise AssertionError("still alive")

    # -- behaviours ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        if self.behaviour == "crash":
            self.crash()
        if self.behaviour == "exit":
            os._exit(int(self.argument))
        self.standing = (
            json.dumps({"type": "state", "state": "pairing" if self.hello["pairing"] else "connecting"}).encode()
            + b"\n"
        )
        self.listen()
        if self.behaviour == "end_at_once":
            self.end(self.argument, "because of the test")
        if not self.attached.wait(5):
            self.end("unused")
        self.behave()
        threading.Event().wait()

    def behave(self) -> None:
        match self.behaviour:
            case "connect" | "ignore_calls" | "crash_on_call" | "end_on_call" | "answer_late" | "hang_on_stop":
                self.connected()
            case "refuse" | "moving":
                self.connected()
            case "garbage":
                self.say_raw(b"SendMessage: Error sending message: x")
                self.say_raw(b"\xff\xfe\x00")
                self.say_raw(b'{"type": "state", "state": "confused"}')
                self.say_raw(b'{"type": "reply", "id": 999, "result": {}}')
                self.say_raw(b"x" * int(self.argument or 0))
                self.connected()
            case "stuck" | "refuse_client":
                pass
            case "crash_connected":
                self.connected()
                self.crash()
            case "end":
                self.connected()
                self.end(self.argument, "because of the test")
            case "ban":
                until = datetime.now(UTC) + timedelta(seconds=float(self.argument))
                self.end("banned", f"until {until:%H:%M}", until=until.isoformat())
            case "ended_but_alive":
                self.connected()
                self.say(type="ended", reason="replaced", detail="")
            case "hang_up":
                self.connected()
                for client in self.clients:
                    client.shutdown(socket.SHUT_RDWR)
            case "stored":
                self.connected()
                for arrival in (1, 5, 3):
                    self.say(type="stored", newest_arrival=arrival)
            case "log":
                self.connected()
                self.say(type="logged", level=30, logger="whatsapp_mcp.session", text=self.argument)
            case "qr":
                self.show_codes()
            case other:
                raise AssertionError(other)

    def show_codes(self) -> None:
        """A code per ``argument`` seconds; a file named ``scan`` in the folder pairs, one named ``give_up`` ends."""
        seconds = float(self.argument or 60)
        number, shown_at = 0, 0.0
        while True:
            if number == 0 or time.monotonic() - shown_at > seconds:
                number, shown_at = number + 1, time.monotonic()
                shown = json.dumps({"type": "qr", "text": f"code {number}", "seconds": seconds}).encode()
                with self.speaking:
                    self.standing = b'{"type": "state", "state": "pairing"}\n' + shown + b"\n"
                    self.say_raw(shown)
            if (self.folder / "scan").exists():
                self.link_device()
                self.connected()
                return
            if (self.folder / "give_up").exists():
                self.end("qr_timeout", "nobody scanned")
            time.sleep(0.01)

    def link_device(self) -> None:
        connection = sqlite3.connect(self.session_db)
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT)")
        connection.execute("INSERT OR REPLACE INTO whatsmeow_device (jid) VALUES (?)", (OWN,))
        connection.commit()
        connection.close()

    # -- calls --------------------------------------------------------------------------------------------------------

    def take(self, client: socket.socket, call: dict[str, Any]) -> None:
        self.note("call", command=call["command"], arguments=call["arguments"], timeout=call["timeout"])
        if self.behaviour == "moving" and call["command"] not in ("restart", "logout", "ping"):
            self.reply(client, call, moving=True)
            threading.Timer(0.1, self.end, ["restart"]).start()
            return
        match self.behaviour:
            case "ignore_calls":
                return
            case "end_on_call":
                self.end("restart")
            case "crash_on_call":
                self.crash()
            case "answer_late" if call["command"] not in ("restart", "logout"):
                threading.Timer(float(self.argument), self.answer, [client, call]).start()
            case "refuse" if call["command"] != "restart":
                error = {"code": "rate_limited", "message": "slow", "details": {"retry_after_seconds": 7}}
                self.reply(client, call, error=error)
            case _:
                self.answer(client, call)

    def answer(self, client: socket.socket, call: dict[str, Any]) -> None:
        result: Any = None
        match call["command"]:
            case "pair_phone":
                result = "ABCD-" + call["arguments"]["digits"][-4:]
            case "send_message":
                result = {"message_id": "S1", "chat": call["arguments"]["chat"], "timestamp": 1}
            case "logout":
                result = self.argument != "unconfirmed"
        self.reply(client, call, result=result)
        if call["command"] == "restart":
            self.end("restart")
        if call["command"] == "logout":
            self.in_ledger(erase=True, erase_messages=call["arguments"].get("erase_messages", False))
            self.end("logged_out_here")

    def reply(self, client: socket.socket, call: dict[str, Any], **answer: Any) -> None:
        with self.speaking:
            client.sendall(json.dumps({"type": "reply", "id": call["id"], **answer}).encode() + b"\n")


def _now() -> str:
    return datetime.now(UTC).isoformat()


if __name__ == "__main__":
    FakeProcess().run()
