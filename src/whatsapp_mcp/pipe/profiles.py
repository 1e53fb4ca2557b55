"""Commands about pictures and newsletters."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Newsletter, NewsletterPost, Picture
from whatsapp_mcp.pipe.command import Command


class GetPicture(Command[Picture]):
    jid: Jid
    preview: bool
    community: bool


class DownloadPicture(Command[None]):
    """Write a picture to ``path``, a file that does not exist yet (mode 0600)."""

    url: str
    """As `GetPicture` told it."""
    path: str
    limit: int
    """Bytes of the largest that is taken."""
    seconds: float
    """How long it may take; deleting ``path`` ends it too."""


class SetOwnPicture(Command[None]):
    """``path``: a square JPEG that the server process prepared; the session process only reads it."""

    path: str


class ListNewsletters(Command[tuple[Newsletter, ...]]): ...


class SyncNewsletters(Command[None]):
    """Copy the names of the newsletters that the account follows into the store, once a day."""


class SyncPosts(Command[None]):
    """Note which of a newsletter's newest posts are deleted."""

    newsletter: Jid


class GetNewsletterPosts(Command[tuple[NewsletterPost, ...]]):
    newsletter: Jid
    count: int
    before: int


class UnfollowNewsletter(Command[None]):
    newsletter: Jid
