"""Pictures and newsletters through neonize: typed calls, protobuf in, models out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.views import Newsletter, NewsletterPicture, NewsletterPost, NewsletterText, Picture
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.addresses import from_proto, readable, to_proto
from whatsapp_mcp.whatsapp.client import Client
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.refusals import error_for
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import neonize_pb2

if TYPE_CHECKING:
    from neonize.proto import Neonize_pb2

_NO_PICTURE: Final = re.compile(r"does not have a profile picture|hidden|status 40[14]")
"""whatsmeow: user.go, ErrProfilePictureNotSet and ErrProfilePictureUnauthorized."""


class Profiles:
    """Calls about pictures and newsletters on one connected client."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._account = account

    def picture(self, jid: Jid, *, preview: bool, community: bool) -> Picture:
        """Raises NotFound when there is none or it is hidden from us."""
        who = to_proto(jid).SerializeToString()
        # All three must be set: neonize 0.5.2 drops them otherwise.
        params = neonize_pb2.GetProfilePictureParams(
            Preview=preview, ExistingID="", IsCommunity=community
        ).SerializeToString()
        raw = self._client.call("GetProfilePicture", who, len(who), params, len(params))
        answer = parse(neonize_pb2.GetProfilePictureReturnFunction, raw)
        no_picture = NotFound(
            f"{jid} has no picture, or hides it from this account", next_step="There is nothing to do."
        )
        if answer.Error:
            if _NO_PICTURE.search(answer.Error):
                raise no_picture
            raise error_for(answer.Error, "tell the picture")
        picture = answer.Picture
        if not (picture.URL or picture.ID):
            raise no_picture
        return Picture(url=picture.URL, id=picture.ID, type=picture.Type)

    def set_own_picture(self, jpeg: bytes) -> str:
        """Square JPEG of at most 640 pixels; returns the picture's id."""
        answer = parse(neonize_pb2.SetGroupPhotoReturnFunction, self._client.call("SetProfilePhoto", jpeg, len(jpeg)))
        if answer.Error:
            raise error_for(answer.Error, "change the picture")
        return answer.PictureID

    def newsletters(self) -> list[Newsletter]:
        self._account.device()  # neonize 0.5.2 aborts the process when this is called without a linked account
        answer = parse(
            neonize_pb2.GetSubscribedNewslettersReturnFunction, self._client.call("GetSubscribedNewsletters")
        )
        if answer.Error:
            raise error_for(answer.Error, "list the newsletters")
        return readable(_newsletter, answer.Newsletter)

    def newsletter_posts(self, newsletter: Jid, *, count: int, before: int) -> list[NewsletterPost]:
        """The newest posts, or those before the post with server id ``before`` (0: newest), newest last."""
        self._account.device()  # neonize 0.5.2 aborts the process when this is called without a linked account
        who = to_proto(newsletter).SerializeToString()
        answer = parse(
            neonize_pb2.GetNewsletterMessageUpdateReturnFunction,
            self._client.call("GetNewsletterMessages", who, len(who), count, before),
        )
        if answer.Error:
            raise error_for(answer.Error, "hand out the newsletter's posts")
        return [
            NewsletterPost(
                server_id=post.MessageServerID,
                deleted=not post.Message.ListFields(),
                text=content.text if (content := read_content(post.Message)) is not None else "",
                kind=content.kind if content is not None else MessageKind.OTHER,
                views=post.ViewsCount,
                reactions={one.type: one.count for one in post.ReactionCounts},
            )
            for post in answer.NewsletterMessage
        ]

    def unfollow(self, newsletter: Jid) -> None:
        self._account.device()  # neonize 0.5.2 aborts the process when this is called without a linked account
        who = to_proto(newsletter).SerializeToString()
        answer = self._client.call("UnfollowNewsletter", who, len(who))
        if answer:
            raise error_for(answer.decode("utf-8", "replace"), "unfollow the newsletter")


def _newsletter(entry: Neonize_pb2.NewsletterMetadata) -> Newsletter:
    thread, viewer = entry.ThreadMeta, entry.ViewerMeta
    pb = neonize_pb2
    return Newsletter(
        jid=from_proto(entry.ID).bare,
        state=pb.WrappedNewsletterState.NewsletterState.Name(entry.State.Type).lower(),
        creation_time=thread.CreationTime,
        invite=thread.InviteCode,
        name=_text(thread.Name),
        description=_text(thread.Description),
        subscribers=thread.SubscriberCount,
        verification=pb.NewsletterThreadMetadata.NewsletterVerificationState.Name(thread.VerificationState).lower(),
        picture=_picture(thread.Picture),
        preview=_picture(thread.Preview),
        reaction_codes=pb.NewsletterReactionSettings.NewsletterReactionsMode.Name(thread.Settings.ReactionCodes.Value),
        mute=pb.NewsletterMuteState.Name(viewer.Mute).lower().removeprefix("newsletter_mute_"),
        role=pb.NewsletterRole.Name(viewer.Role).lower().removeprefix("newsletter_role_"),
    )


def _text(text: Neonize_pb2.NewsletterText) -> NewsletterText:
    return NewsletterText(text=text.Text, id=text.ID, update_time=text.UpdateTime)


def _picture(picture: Neonize_pb2.ProfilePictureInfo) -> NewsletterPicture | None:
    if not (picture.ID or picture.URL or picture.DirectPath):
        return None
    return NewsletterPicture(url=picture.URL, id=picture.ID, type=picture.Type, direct_path=picture.DirectPath)
