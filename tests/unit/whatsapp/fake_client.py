"""A client that notes the calls and gives prepared answers, checked against neonize's own declarations."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from itertools import pairwise
from pathlib import Path

from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import Client
from whatsapp_mcp.wire.protos import neonize_pb2

Argument = bytes | int


@cache
def declared_arguments() -> dict[str, list[str]]:
    """Function -> ctypes names of its parameters, read from the source of neonize's binder (which is not imported)."""
    spec = importlib.util.find_spec("neonize")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = Path(spec.submodule_search_locations[0], "_binder.py").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            target = ast.unparse(node.targets[0])
            if target.startswith("gocode.") and target.endswith(".argtypes"):
                found[target.split(".")[1]] = [ast.unparse(item) for item in node.value.elts]
    # Declared with two parameters, called with three by neonize 0.5.2 itself: Go wants the length too.
    found["IsOnWhatsApp"] = ["ctypes.c_char_p", "ctypes.c_char_p", "ctypes.c_int"]
    return found


class FakeClient(Client):
    """``answers``: what each of neonize's functions returns."""

    def __init__(self, **answers: bytes) -> None:
        self.answers = {"GetMe": DEVICE.SerializeToString()} | answers
        self.calls: list[tuple[str, tuple[Argument, ...]]] = []

    def call(self, function: str, *arguments: Argument) -> bytes:
        self.calls.append((function, arguments))
        uuid, *declared = declared_arguments()[function]
        assert uuid == "ctypes.c_char_p"
        kinds = {"ctypes.c_char_p": bytes, "ctypes.c_int": int, "ctypes.c_bool": int}
        assert [kinds[name] for name in declared] == [type(argument) for argument in arguments], function
        for text, size in pairwise(arguments):
            if isinstance(text, bytes) and isinstance(size, int) and function != "MarkRead":
                assert size == len(text), f"{function}: a length that is not that of the bytes before it"
        return self.answers.get(function, b"")

    @property
    def last(self) -> tuple[Argument, ...]:
        return self.calls[-1][1]

    @property
    def functions(self) -> list[str]:
        return [function for function, _ in self.calls]


DEVICE = neonize_pb2.Device(
    JID=neonize_pb2.JID(User="4915100000009", Server="s.whatsapp.net", Device=7, RawAgent=0, Integrator=0),
    LID=neonize_pb2.JID(User="100000000000009", Server="lid", Device=7, RawAgent=0, Integrator=0),
    Platform="android",
    BussinessName="",
    PushName="Me",
    Initialized=True,
)


def account(**answers: bytes) -> tuple[Account, FakeClient]:
    client = FakeClient(**answers)
    return Account(client), client
