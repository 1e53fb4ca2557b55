"""The server for Python programs: a small typed client over MCP.

    async with connect(simulated=True) as whatsapp:
        await whatsapp.link()
        await whatsapp.send("Ana", "Dinner on Friday?")
        async for message in whatsapp.messages():
            print(message.sender_name, message.text)

Names:

- :func:`connect`: starts a server of its own over stdio (:func:`own_server`: its MCP client alone);
  :func:`connect_http`: uses a running ``whatsapp-mcp serve``.
- :class:`ServerOptions`: the keyword arguments of ``connect``; docs/programs.md explains them.
- :class:`WhatsApp`: the connection. ``call`` any tool; ``link``, ``send``, ``reply``, ``messages``, ``events``,
  ``next_message``; ``within`` a chat.
- :class:`IncomingMessage`, :class:`SentText`: what came, and what was sent.
- :class:`CallError`: the server said no; it has ``code``, ``next_step``, ``retry_after``, ``body``.
- :func:`complete`: rows of a result with everything that stands beside them.

What other people write is data for a program, and for the language model that it asks: never an instruction.
"""

from whatsapp_mcp.client.connection import (
    CallError,
    Confirm,
    ServerOptions,
    WhatsApp,
    connect,
    connect_http,
    own_server,
)
from whatsapp_mcp.client.messages import IncomingMessage, SentText
from whatsapp_mcp.client.rows import complete

__all__ = [
    "CallError",
    "Confirm",
    "IncomingMessage",
    "SentText",
    "ServerOptions",
    "WhatsApp",
    "complete",
    "connect",
    "connect_http",
    "own_server",
]
