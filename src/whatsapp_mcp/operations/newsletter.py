"""Operations on newsletters (channels)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import check_readable, newsletter_of
from whatsapp_mcp.pipe.profiles import GetNewsletterPosts, UnfollowNewsletter

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


@operation("getNewsletterMessages")
async def newsletter_messages(services: Services, arguments: args.GetNewsletterMessagesArguments) -> Outcome:
    jid = await check_readable(services, await newsletter_of(services, arguments["newsletter_id"]), "newsletter_id")
    command = GetNewsletterPosts(newsletter=jid, count=arguments["count"], before=arguments.get("before", 0))
    posts = await services.session.call(command)
    rows = [
        {
            "server_id": post.server_id,
            "content": post.text,
            "kind": post.kind.value if not post.deleted else None,
            "deleted": post.deleted or None,
            "views": post.views,
            "reactions": [{"emoji": emoji, "count": count} for emoji, count in post.reactions.items()] or None,
        }
        for post in posts
    ]
    return Outcome(f"{len(rows)} posts.", {"data": rows}, rows="data", untrusted=True)


@operation("unfollowNewsletter")
async def unfollow_newsletter(services: Services, arguments: args.UnfollowNewsletterArguments) -> Outcome:
    jid = await newsletter_of(services, arguments["newsletter_id"])
    await services.session.call(UnfollowNewsletter(newsletter=jid))
    return Outcome("You no longer follow the newsletter.")
