"""Commands about pictures and newsletters; see :mod:`whatsapp_mcp.pipe.protocol`."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Newsletter, NewsletterPost, Picture
from whatsapp_mcp.pipe.protocol import Command, Done, Wire

__all__ = ["GetNewsletterPosts", "GetPicture", "ListNewsletters", "SetOwnPicture", "UnfollowNewsletter"]


class PictureResult(Wire):
    picture: Picture


class NewsletterResults(Wire):
    newsletters: tuple[Newsletter, ...]


class GetPicture(Command[PictureResult]):
    name = "get_picture"
    result = PictureResult
    jid: Jid
    preview: bool
    community: bool


class SetOwnPicture(Command[Done]):
    """``path``: a square JPEG that the server process prepared; the session process only reads it."""

    name = "set_own_picture"
    result = Done
    path: str


class ListNewsletters(Command[NewsletterResults]):
    name = "list_newsletters"
    result = NewsletterResults


class NewsletterPosts(Wire):
    posts: tuple[NewsletterPost, ...]


class GetNewsletterPosts(Command[NewsletterPosts]):
    name = "get_newsletter_posts"
    result = NewsletterPosts
    newsletter: Jid
    count: int
    before: int


class UnfollowNewsletter(Command[Done]):
    name = "unfollow_newsletter"
    result = Done
    newsletter: Jid
