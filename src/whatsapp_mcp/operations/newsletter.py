"""Operations on newsletters (channels)."""

from __future__ import annotations

from typing import Any, Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Newsletter, NewsletterPicture, NewsletterText
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.profile_protocol import GetNewsletterPosts, ListNewsletters, UnfollowNewsletter

__all__: list[str] = []

POSTS_DEFAULT: Final = 20


@operation("userMyNewsletter")
async def user_my_newsletter(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    offset = arguments.get("offset", 0)
    newsletters = (await services.session.call(ListNewsletters())).newsletters
    return Outcome(
        f"You follow {len(newsletters)} newsletters.",
        {"data": [_newsletter_json(one) for one in newsletters[offset:]]},
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("getNewsletterMessages")
async def newsletter_messages(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await _newsletter(services, arguments)
    command = GetNewsletterPosts(
        newsletter=jid, count=arguments.get("count", POSTS_DEFAULT), before=arguments.get("before", 0)
    )
    posts = (await services.session.call(command)).posts
    rows = [
        {
            "server_id": post.server_id,
            "content": post.text,
            "kind": post.kind.value,
            "views": post.views,
            "reactions": [{"emoji": emoji, "count": count} for emoji, count in post.reactions.items()] or None,
        }
        for post in posts
    ]
    return Outcome(f"{len(rows)} posts.", {"data": rows}, rows="data", untrusted=True)


async def _newsletter(services: Services, arguments: Arguments) -> Jid:
    jid = await resolve(services, arguments["newsletter_id"], field="newsletter_id")
    if not jid.is_newsletter:
        raise InvalidArgument(
            "newsletter_id: not a newsletter", field="newsletter_id", next_step="Take it from userMyNewsletter."
        )
    return jid


@operation("unfollowNewsletter")
async def unfollow_newsletter(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await _newsletter(services, arguments)
    await services.session.call(UnfollowNewsletter(newsletter=jid))
    return Outcome("You no longer follow the newsletter.")


def _newsletter_json(one: Newsletter) -> dict[str, Any]:
    """Names and types of the seed: numbers are strings there."""
    return {
        "id": str(one.jid),
        "state": {"type": one.state},
        "thread_metadata": {
            "creation_time": str(one.creation_time),
            "invite": one.invite,
            "name": _text_json(one.name),
            "description": _text_json(one.description),
            "subscribers_count": str(one.subscribers),
            "verification": one.verification,
            "picture": _picture_json(one.picture),
            "preview": _picture_json(one.preview),
            "settings": {"reaction_codes": {"value": one.reaction_codes}},
        },
        "viewer_metadata": {"mute": one.mute, "role": one.role},
    }


def _text_json(text: NewsletterText) -> dict[str, str]:
    return {"text": text.text, "id": text.id, "update_time": str(text.update_time)}


def _picture_json(picture: NewsletterPicture | None) -> dict[str, str] | None:
    if picture is None:
        return None
    return {"url": picture.url, "id": picture.id, "type": picture.type, "direct_path": picture.direct_path}
