"""How far a message of ours got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.errors import InvalidArgument, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.models.views import GroupMember, Message, ReceiptView
from whatsapp_mcp.operations.held_messages import held_status
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.poll_results import named_people, poll_json
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import stored_message
from whatsapp_mcp.pipe.groups import GetGroup
from whatsapp_mcp.store.read.reader import StoreReader

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

_ORDER: Final = list(DeliveryStatus)
_COUNTED: Final = (DeliveryStatus.DELIVERED, DeliveryStatus.READ, DeliveryStatus.PLAYED)


@dataclass(frozen=True, slots=True)
class _Person:
    """Somebody whom the message is for."""

    receipt: ReceiptView
    status: DeliveryStatus
    left: bool = False
    """Of a group: not a participant any more, so nobody waits for this person."""

    def reached(self, step: DeliveryStatus) -> bool:
        return _ORDER.index(self.status) >= _ORDER.index(step)


@operation("getMessageStatus")
async def get_message_status(services: Services, arguments: args.GetMessageStatusArguments) -> Outcome:
    waiting = await held_status(services, arguments["message_id"], arguments["phone"])
    if waiting is not None:
        return waiting
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    if not message.from_me and message.kind is not MessageKind.POLL:
        raise InvalidArgument(
            "message_id: this is somebody else's message; how far it got is known of your own only", field="message_id"
        )
    members = await _other_members(services, chat) if chat.is_group else None
    poll = await _poll(services, chat, message, members) if message.kind is MessageKind.POLL else None
    if not message.from_me:
        about = {"message_id": message.id, "chat_jid": str(chat), "timestamp": message.timestamp}
        return Outcome(_votes_sentence(poll), about | {"poll": poll}, untrusted=True, heard=(chat,))
    status, people = await _reached(services, message, members)
    counted = [one for one in people if not one.left]
    counts = _counts(counted, status)
    if members is not None:
        counts["participants"] = len(members)
    offset = arguments["offset"]
    results: dict[str, Any] = {
        "message_id": message.id,
        "chat_jid": str(chat),
        "status": status.value,
        "timestamp": message.timestamp,
        "revoked": True if message.revoked_at else None,
        "participants_known": members is not None if chat.is_group else None,
        "counts": counts,
        "poll": poll,
        "not_read": _not_read(counted) if members is not None else None,
        "data": Rows(people[offset:], _json),
    }
    said = f"{_sentence(chat, status, counts)} {_votes_sentence(poll)}".rstrip()
    # Options of a poll are words, of whoever added them.
    heard = (chat,) if poll is not None else ()
    return Outcome(said, results, rows="data", offset=offset, untrusted=True, heard=heard)


async def _reached(
    services: Services, message: Message, members: Sequence[GroupMember] | None
) -> tuple[DeliveryStatus, list[_Person]]:
    """How far the message got, and with whom; ``members``: those of the group, where they are known."""
    status = message.status or DeliveryStatus.UNKNOWN
    receipts = await services.store.read(lambda store: store.receipts(message))
    if members is None:
        if message.chat.is_person and not receipts:
            receipts = (ReceiptView(jid=message.chat, name=message.chat_name),)
        return status, _by_progress(_person(receipt, status) for receipt in receipts)
    people = await services.store.read(lambda store: _in_group(store, receipts, members, status))
    return min((one.status for one in people if not one.left), key=_ORDER.index, default=status), people


async def _poll(services: Services, chat: Jid, poll: Message, others: Sequence[GroupMember] | None) -> dict[str, Any]:
    """Everybody in the group is asked, the owner too; in a chat with one person, that person."""
    asked: Sequence[GroupMember] | None = others
    snapshot = services.session.snapshot
    if chat.is_person:
        asked = (GroupMember(jid=chat),)
    elif others is not None and snapshot.own_jid is not None:
        asked = (*others, GroupMember(jid=snapshot.own_jid.bare, lid=snapshot.own_lid and snapshot.own_lid.bare))
    return await services.store.read(lambda store: poll_json(store, poll, asked))


def _votes_sentence(poll: Mapping[str, Any] | None) -> str:
    if poll is None:
        return ""
    missing = poll.get("not_voted_count")
    return f"{poll['voted']} voted{f' and {missing} did not' if missing is not None else ''}."


def _not_read(people: Sequence[_Person]) -> list[dict[str, Any]]:
    """Of whom it is known that they have not, as far as read receipts tell."""
    late = (DeliveryStatus.FAILED, DeliveryStatus.PENDING, DeliveryStatus.SENT, DeliveryStatus.DELIVERED)
    return named_people((one.receipt.jid, one.receipt.name) for one in people if one.status in late)


def _counts(people: Sequence[_Person], status: DeliveryStatus) -> dict[str, int]:
    """How many the message reached; those of whom it is not known apart, and of nobody else there is no number."""
    unknown = sum(one.status is DeliveryStatus.UNKNOWN for one in people)
    counts = {step.value: sum(one.reached(step) for one in people) for step in _COUNTED}
    if not unknown and status is not DeliveryStatus.UNKNOWN:
        return counts
    return ({"unknown": unknown} if unknown else {}) | {step: count for step, count in counts.items() if count}


async def _other_members(services: Services, group: Jid) -> tuple[GroupMember, ...] | None:
    """Who beside us is in the group now; None when WhatsApp cannot be asked, or does not say."""
    if services.session.snapshot.state is not SessionState.CONNECTED:
        return None
    try:
        members = (await services.session.call(GetGroup(group=group))).members
    except WhatsAppMcpError:  # the connection was lost just now, or we are not in the group any more
        return None
    snapshot = services.session.snapshot
    own = {jid.bare for jid in (snapshot.own_jid, snapshot.own_lid) if jid is not None}
    return tuple(member for member in members if not own & {member.jid, member.lid})


def _in_group(
    store: StoreReader, receipts: Sequence[ReceiptView], members: Sequence[GroupMember], status: DeliveryStatus
) -> list[_Person]:
    """Who is in the group, and who was when the message came."""
    got = {receipt.jid: receipt for receipt in receipts}
    people = []
    for member in members:
        receipt = next((got.pop(jid) for jid in (member.jid, member.lid) if jid in got), None)
        people.append(_person(receipt or ReceiptView(jid=member.jid, name=store.display_name(member.jid)), status))
    people += [_person(receipt, status, left=True) for receipt in got.values()]
    return _by_progress(people)


def _person(receipt: ReceiptView, least: DeliveryStatus, *, left: bool = False) -> _Person:
    """``least``: what is known of the message as a whole. WhatsApp may tell of a later step only."""
    if receipt.played_at:
        reached = DeliveryStatus.PLAYED
    elif receipt.read_at:
        reached = DeliveryStatus.READ
    else:
        reached = DeliveryStatus.DELIVERED if receipt.delivered_at else least
    return _Person(receipt, max(reached, least, key=_ORDER.index), left)


def _by_progress(people: Iterable[_Person]) -> list[_Person]:
    """Those first whom the message got the least far with; who left comes last."""
    return sorted(people, key=lambda one: (one.left, _ORDER.index(one.status)))


def _json(person: _Person) -> dict[str, Any]:
    receipt = person.receipt
    return {
        "jid": str(receipt.jid),
        "name": receipt.name,
        "status": person.status.value,
        "delivered_at": receipt.delivered_at,
        "read_at": receipt.read_at,
        "played_at": receipt.played_at,
        "left": True if person.left else None,
    }


def _sentence(chat: Jid, status: DeliveryStatus, counts: dict[str, int]) -> str:
    if not chat.is_group:
        return f"The status of the message is {status.value}."
    got, read, unknown = counts.get("delivered", 0), counts.get("read", 0), counts.get("unknown", 0)
    if unknown or (status is DeliveryStatus.UNKNOWN and not got):
        known = f"{got} got the message and {read} read it; of" if got else "Of"
        return (
            f"{known} {unknown or 'the'} other participants it is unknown: the message is from before this device was"
            " linked, and the phone did not tell."
        )
    if "participants" in counts:
        return f"Of {counts['participants']} other participants, {got} got the message and {read} read it."
    return (
        f"{got} got the message and {read} read it. Who has not is unknown: WhatsApp cannot "
        "be asked now who is in the group (not connected, or not a participant any more)."
    )
