"""People as the store names them, in what WhatsApp itself told just now: the number instead of a LID, where the two are
known to be one person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Group, GroupMember, NamedPerson
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.store.read.annotations import known_as


async def people_by_address(services: Services, addresses: Iterable[Jid | None]) -> dict[Jid, NamedPerson]:
    """Everybody of these, by the address that was given."""
    wanted = [jid for jid in addresses if jid is not None]
    return await services.store.read(lambda store: store.named(wanted))


async def named_members(services: Services, members: Sequence[GroupMember]) -> tuple[GroupMember, ...]:
    """The members by number, with names."""
    known = await people_by_address(services, (member.jid for member in members))
    return tuple(_member(member, known, with_name=True) for member in members)


async def groups_in_one_form(services: Services, groups: Sequence[Group]) -> tuple[Group, ...]:
    """The same for all whom groups name; a community that may not be read is not named."""
    parents = await services.store.may_read(*(group.linked_parent for group in groups if group.linked_parent))
    named = [jid for group in groups for jid in (group.owner, group.name_set_by, group.topic_set_by)]
    members = [member.jid for group in groups for member in group.members]
    owners = [group.owner for group in groups]
    lids = [jid for jid in (*named, *members) if jid is not None and jid.is_lid]
    known = await people_by_address(services, (*owners, *lids))

    def one(jid: Jid | None) -> Jid | None:
        return known[jid].jid if jid in known else jid

    return tuple(
        group.model_copy(
            update={
                "owner": one(group.owner),
                "owner_name": _name(group.owner, known),
                "name_set_by": one(group.name_set_by),
                "topic_set_by": one(group.topic_set_by),
                "linked_parent": group.linked_parent if group.linked_parent in parents else None,
                "members": tuple(_member(member, known) for member in group.members),
            }
        )
        for group in groups
    )


def _member(member: GroupMember, known: dict[Jid, NamedPerson], *, with_name: bool = False) -> GroupMember:
    name = _name(member.jid, known) if with_name else None
    person = known.get(member.jid)
    if person is None or person.jid == member.jid:
        return member if name is None else member.model_copy(update={"name": name})
    return member.model_copy(update={"jid": person.jid, "lid": member.lid or member.jid, "name": name})


def _name(jid: Jid | None, known: dict[Jid, NamedPerson]) -> str | None:
    """The best known name, else the number."""
    return None if jid is None else known[jid].name if jid in known else known_as(jid, None)
