"""A WhatsApp on loopback, with a phone in your hand and people to write to. No phone, no internet.

The real, unmodified neonize (whatsmeow) pairs with it, logs in and chats; so does anything else that speaks the
protocol. The simulator uses wire, and of the other rooms nothing.

    async with Simulator() as simulator:
        simulator.write_endpoint(path)                    # WHATSAPP_MCP_ENDPOINT=<path> makes a session process use it
        ana = await simulator.add_contact("Ana")          # or: await simulator.add_cast()
        device = await simulator.phone.scan(qr_text)      # or: await simulator.phone.enter_code("Q2ZP-1QM6")
        await simulator.phone.linked.wait_for(timeout=20) # the companion is back and logged in
        ana.say("Hi!")
        message = await ana.wait_for_message(lambda m: m.text == "Hello Ana", timeout=10)
        ana.say("There you are", reply_to=message)
        simulator.faults.drop()                           # everything that can go wrong: Faults

Names:

- :class:`Simulator`, :class:`SimulatorConfig`, :class:`QrTiming`, :class:`Endpoint`: the whole thing and how a client
  finds it.
- :class:`SimulatedPhone`: ``simulator.phone``. ``scan``, ``enter_code``, ``unlink``, ``say``, ``set_push_name``,
  ``save_contact``; what it sees is in ``received``, ``sent_copies`` (clear text of everything linked devices send),
  ``receipts``, ``linked``, ``patches``.
- :class:`VirtualContact`: ``simulator.contact("Ana")``. ``say``, ``react``, ``edit``, ``revoke``, ``typing``,
  ``online``, ``offline``, ``reads``, ``persona``; what it sees is in ``inbox``, ``receipts``, ``chat_states``,
  ``presences``. All are :class:`Record` lists that can be waited on.
  Both send everything: ``send_image(content, caption=…)``, ``send_video``, ``send_voice``, ``send_audio``,
  ``send_document``, ``send_sticker``, ``send_album``, ``send_location``, ``send_live_location``, ``send_contacts``,
  ``send_link``, ``send_poll``, ``vote(poll, ["Fri"])``, ``edit_secretly``, ``set_disappearing``, ``post_status``,
  ``send_event``, ``edit_event``, ``answer_event``, ``edit_poll``, ``add_poll_option``, ``comment``, ``pin``, ``keep``,
  ``send_content(compose.…)``; contacts ``call()`` too.
- :class:`ReceivedMessage`, :class:`Summary`: a decrypted message, as protobuf and in plain values. ``media``, and
  ``await message.download()``: the file that came with it.
- :class:`HistoryChat`, :class:`HistoryMessage`, :class:`SharedHistory`:
  ``simulator.phone.share_history([HistoryChat(ana, [HistoryMessage("long ago", author=ana)], unread=1)])``;
  ``simulator.phone.history`` is what the phone remembers, for devices linked later and requests for older messages.
- :class:`Newsletter`, :class:`Post`: ``simulator.add_newsletter("News", posts=["one"], followed=True)``, ``post``,
  ``react``, ``follow``; what a client does shows in ``posts`` and ``followers``.
- ``simulator.media`` (``uploads``, ``downloads``, ``deletions``), ``simulator.world.media`` (the files; ``expire``),
  ``simulator.profile.set_picture(account, jpeg)``, ``simulator.faults.media``.
- :class:`Group`: ``simulator.group("Weekend trip")`` or ``await simulator.add_group(…)``. ``members``, ``add``,
  ``remove``, ``rename`` …; ``ana.say("Hi!", to=group)``, ``ana.join(group.invite_code)``, ``ana.leave(group)``. With
  ``community=True`` it is a community: ``link``, ``unlink``, ``linked_groups``.
- :class:`Faults`: ``simulator.faults``. :class:`PairingError`: why a scan or code did not link.
- :class:`ControlServer`, :class:`ControlClient`: the same from another process; ``run_simulate(SimulateOptions(…),
  output)`` is the command.
- :class:`ChatSettings`: ``ChatSettings(simulator.phone)`` stars, pins, archives, mutes, labels on the phone.
- :class:`ContactOptions`, :class:`GroupOptions`, :class:`SimSendOptions`: the keyword arguments of ``contact`` and
  ``add_contact``, of ``add_group``, and of ``say`` and everything that is sent; docs/simulator.md explains them.
- ``compose``: contents of messages, for ``send_content`` and :class:`HistoryMessage`.

Further: ``simulator.app_state.switches`` makes conflicts, pages, snapshots and lost answers; ``simulator.business`` has
the profiles of shops, ``simulator.catalogues`` what they sell, ``simulator.contact_links`` the links to people;
``simulator.phone.files.has_files`` is whether the phone uploads a file again for a client that asks;
``simulator.login.pushes_to_passive`` gives a passive login what it should not get.

A QR code's secret is in its text only, never in a stanza: the simulator cannot scan what nobody tells it. Whoever
shows the code passes the text on (``simulator.show_qr(text)``, control command ``show_qr``); with
``simulator.autoscan = 2.0`` the phone then scans it after two seconds.

Names are loaded at first use, so that a process that only needs :class:`ControlClient` does not load the protocol.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from whatsapp_mcp.endpoint import Endpoint

if TYPE_CHECKING:
    from whatsapp_mcp.simulator.content import compose
    from whatsapp_mcp.simulator.content.summary import ReceivedMessage, Summary
    from whatsapp_mcp.simulator.control.command import SimulateOptions, run_simulate
    from whatsapp_mcp.simulator.control.control import ControlServer
    from whatsapp_mcp.simulator.control.control_client import ControlClient, ControlError
    from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
    from whatsapp_mcp.simulator.people.contact import VirtualContact
    from whatsapp_mcp.simulator.people.history import HistoryChat, HistoryMessage
    from whatsapp_mcp.simulator.people.phone import SimulatedPhone
    from whatsapp_mcp.simulator.people.phone_history import SharedHistory
    from whatsapp_mcp.simulator.people.sent import ReceivedReceipt, SentMessage
    from whatsapp_mcp.simulator.people.writing import SimSendOptions
    from whatsapp_mcp.simulator.server import ContactOptions, Simulator
    from whatsapp_mcp.simulator.service.groups.group import Group, GroupOptions
    from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter, Post
    from whatsapp_mcp.simulator.service.pairing import PairingError
    from whatsapp_mcp.simulator.state.config import QrTiming, SimulatorConfig
    from whatsapp_mcp.simulator.state.faults import Faults
    from whatsapp_mcp.simulator.state.record import Record

__all__ = [
    "ChatSettings",
    "ContactOptions",
    "ControlClient",
    "ControlError",
    "ControlServer",
    "Endpoint",
    "Faults",
    "Group",
    "GroupOptions",
    "HistoryChat",
    "HistoryMessage",
    "Newsletter",
    "PairingError",
    "Post",
    "QrTiming",
    "ReceivedMessage",
    "ReceivedReceipt",
    "Record",
    "SentMessage",
    "SharedHistory",
    "SimSendOptions",
    "SimulateOptions",
    "SimulatedPhone",
    "Simulator",
    "SimulatorConfig",
    "Summary",
    "VirtualContact",
    "compose",
    "run_simulate",
]

_MODULES = {
    "ChatSettings": "people.chat_settings",
    "ContactOptions": "server",
    "ControlClient": "control.control_client",
    "ControlError": "control.control_client",
    "ControlServer": "control.control",
    "Faults": "state.faults",
    "Group": "service.groups.group",
    "GroupOptions": "service.groups.group",
    "HistoryChat": "people.history",
    "HistoryMessage": "people.history",
    "Newsletter": "service.newsletters.newsletter",
    "PairingError": "service.pairing",
    "Post": "service.newsletters.newsletter",
    "QrTiming": "state.config",
    "ReceivedMessage": "content.summary",
    "ReceivedReceipt": "people.sent",
    "Record": "state.record",
    "SentMessage": "people.sent",
    "SharedHistory": "people.phone_history",
    "SimSendOptions": "people.writing",
    "SimulateOptions": "control.command",
    "SimulatedPhone": "people.phone",
    "Simulator": "server",
    "SimulatorConfig": "state.config",
    "Summary": "content.summary",
    "VirtualContact": "people.contact",
    "run_simulate": "control.command",
}


def __dir__() -> list[str]:
    """Also what is not loaded yet, so that `pydoc` and completion find it."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name == "compose":
        return importlib.import_module(f"{__name__}.content.compose")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
