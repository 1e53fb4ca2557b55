"""Commands about pictures and newsletters."""

from __future__ import annotations

import time
from pathlib import Path

from whatsapp_mcp.models.views import Newsletter, NewsletterPost, Picture
from whatsapp_mcp.pipe import profiles as p
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.worker.dispatch import handles


class ProfileHandlers:
    """Pictures and newsletters."""

    def __init__(self, profiles: Profiles, account: Account) -> None:
        self._profiles = profiles
        self._account = account

    @handles(p.GetPicture)
    def _picture(self, command: p.GetPicture) -> Picture:
        return self._profiles.picture(command.jid, preview=command.preview, community=command.community)

    @handles(p.DownloadPicture)
    def _download(self, command: p.DownloadPicture) -> None:
        bounds = Bounds(command.limit, time.monotonic() + command.seconds)
        self._account.download_picture(command.url, Path(command.path), bounds)

    @handles(p.SetOwnPicture)
    def _set_own_picture(self, command: p.SetOwnPicture) -> None:
        self._profiles.set_own_picture(Path(command.path).read_bytes())

    @handles(p.ListNewsletters)
    def _newsletters(self, _command: p.ListNewsletters) -> tuple[Newsletter, ...]:
        return tuple(self._profiles.newsletters())

    @handles(p.GetNewsletterPosts)
    def _posts(self, command: p.GetNewsletterPosts) -> tuple[NewsletterPost, ...]:
        return tuple(self._profiles.newsletter_posts(command.newsletter, count=command.count, before=command.before))

    @handles(p.UnfollowNewsletter)
    def _unfollow(self, command: p.UnfollowNewsletter) -> None:
        self._profiles.unfollow(command.newsletter)
