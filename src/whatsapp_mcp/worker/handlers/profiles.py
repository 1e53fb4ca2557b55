"""Commands about pictures and newsletters."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Live, MessageRevoked
from whatsapp_mcp.models.views import Newsletter, NewsletterPost, Picture
from whatsapp_mcp.pipe import profiles as p
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.worker.dispatch import handles
from whatsapp_mcp.worker.handlers.groups import LIST_AGAIN_AFTER
from whatsapp_mcp.worker.store_thread import StoreThread

NEWEST_POSTS: Final = 100
"""That are asked for at once; WhatsApp gives no more."""


class ProfileHandlers:
    """Pictures and newsletters."""

    def __init__(self, profiles: Profiles, account: Account, store: StoreThread) -> None:
        self._profiles = profiles
        self._account = account
        self._store = store

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
        followed = tuple(self._profiles.newsletters())
        self._store.apply_now(*(ChatChanged(one.jid, name=one.name.text, is_member=True) for one in followed))
        return followed

    @handles(p.SyncNewsletters)
    def _sync_newsletters(self, _command: p.SyncNewsletters) -> None:
        """Noted before it is asked: neonize ends the process over an answer that it does not understand, and the next
        process would ask the same."""
        asked_at, now = self._store.run_now(lambda writer: writer.newsletters_asked_at), now_ms()
        if not 0 <= now - asked_at < LIST_AGAIN_AFTER:
            self._store.run_now(lambda writer: writer.note_newsletters_asked(now))
            self._newsletters(p.ListNewsletters())

    @handles(p.SyncPosts)
    def _sync_posts(self, command: p.SyncPosts) -> None:
        """A post is deleted that is listed without content, or is left out of a list of older and newer ones."""
        known = self._store.run_now(lambda writer: writer.posts_of(command.newsletter, NEWEST_POSTS))
        if not known:
            return
        listed = self._profiles.newsletter_posts(command.newsletter, count=NEWEST_POSTS, before=0)
        numbers = [post.server_id for post in listed]
        there = {post.server_id for post in listed if not post.deleted}
        gone = [post for post in known if numbers and min(numbers) <= post.number <= max(numbers)]
        now = now_ms()
        self._store.apply_now(
            *(
                Live(MessageRevoked(command.newsletter, post.message_id, post.author, now, author=post.author))
                for post in gone
                if post.number not in there
            )
        )

    @handles(p.GetNewsletterPosts)
    def _posts(self, command: p.GetNewsletterPosts) -> tuple[NewsletterPost, ...]:
        return tuple(self._profiles.newsletter_posts(command.newsletter, count=command.count, before=command.before))

    @handles(p.UnfollowNewsletter)
    def _unfollow(self, command: p.UnfollowNewsletter) -> None:
        self._profiles.unfollow(command.newsletter)
