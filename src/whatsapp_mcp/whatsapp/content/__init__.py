"""Reading a message: from WhatsApp's protobuf to Content. All that a person would read in it is in the text or in the
facts beside it; both are searched.

``reading`` finds the one part of a message that is its content, ``kinds`` says who reads it: ``media``, ``business``
(what shops and bots send, with ``flows``), ``occasions`` (places, people, polls, events, calls), ``assistant``. What
has no reader of its own, also what is newer than this program, ``strings`` reads. Uses ``whatsapp_mcp.wire``.
"""

from whatsapp_mcp.whatsapp.content.media import file_of
from whatsapp_mcp.whatsapp.content.reading import read_content, unwrap

__all__ = ["file_of", "read_content", "unwrap"]
