"""`whatsapp-mcp install`: the server's entry in the configuration of MCP hosts.

``known`` says which hosts there are, where their files lie and what an entry looks like; ``json_text``, ``toml_text``
and ``yaml_text`` change one entry of a text and nothing else, which ``entries`` proves before anything is written;
``writing`` replaces the file; ``launch`` is how this installation is started; ``found`` looks at what is there.
"""

from __future__ import annotations
