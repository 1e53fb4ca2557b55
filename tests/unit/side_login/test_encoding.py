"""What each change puts into the app state, and what is read back from it."""

from __future__ import annotations

import json

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    MUTED_FOR_EVER,
    AppStateChange,
    ChatChanged,
    ChatCleared,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LabelChanged,
    LastMessage,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.side_login.app_state import plan_patches
from whatsapp_mcp.side_login.changes import changes_of
from whatsapp_mcp.side_login.encoding import mutations
from whatsapp_mcp.side_login.request import Request
from whatsapp_mcp.wire.app_state import CollectionState, Mutation, SyncKey
from whatsapp_mcp.wire.protos import sync_action

ANA = Jid("12025550111", "s.whatsapp.net")
BRUNO = Jid("99887766", "lid", 3)
GROUP = Jid("120363000000000001", "g.us")
NOW = 1_790_000_000_123
KEY = SyncKey(b"\0\0\0\0\0\7", bytes(range(32)), 1)

CASES: list[tuple[AppStateChange, str, list[list[str]], int, dict[str, object], list[AppStateChange]]] = [
    (
        MessageStarred(GROUP, "M1", from_me=False, author=BRUNO, starred=True),
        "regular_high",
        [["star", str(GROUP), "M1", "0", "99887766@lid"]],
        2,
        {"starAction": {"starred": True}},
        [MessageStarred(GROUP, "M1", starred=True, from_me=False, author=BRUNO.bare, timestamp=NOW)],
    ),
    (
        MessageStarred(ANA, "M1", from_me=False, author=ANA, starred=False),
        "regular_high",
        [["star", str(ANA), "M1", "0", "0"]],
        2,
        {"starAction": {"starred": False}},
        [MessageStarred(ANA, "M1", starred=False, from_me=False, timestamp=NOW)],
    ),
    (
        MessageDeletedForMe(GROUP, "M2", from_me=True, sent=1_700_000_000_999, author=BRUNO),
        "regular_high",
        [["deleteMessageForMe", str(GROUP), "M2", "1", "0"]],
        3,
        {"deleteMessageForMeAction": {"deleteMedia": True, "messageTimestamp": "1700000000"}},
        [MessageDeletedForMe(GROUP, "M2", from_me=True, timestamp=NOW)],
    ),
    (
        ChatChanged(ANA, pinned=True),
        "regular_low",
        [["pin_v1", str(ANA)]],
        5,
        {"pinAction": {"pinned": True}},
        [ChatChanged(ANA, pinned=True)],
    ),
    (
        ChatChanged(ANA, muted_until=NOW + 3_600_000),
        "regular_high",
        [["mute", str(ANA)]],
        2,
        {"muteAction": {"muted": True, "muteEndTimestamp": str(NOW + 3_600_000)}},
        [ChatChanged(ANA, muted_until=NOW + 3_600_000)],
    ),
    (
        ChatChanged(ANA, muted_until=MUTED_FOR_EVER),
        "regular_high",
        [["mute", str(ANA)]],
        2,
        {"muteAction": {"muted": True, "muteEndTimestamp": "-1"}},
        [ChatChanged(ANA, muted_until=-1)],
    ),
    (
        ChatChanged(ANA, muted_until=0),
        "regular_high",
        [["mute", str(ANA)]],
        2,
        {"muteAction": {"muted": False}},
        [ChatChanged(ANA, muted_until=0)],
    ),
    (
        ChatChanged(ANA, archived=False),
        "regular_low",
        [["archive", str(ANA)]],
        3,
        {"archiveChatAction": {"archived": False, "messageRange": {"lastMessageTimestamp": str(NOW // 1000)}}},
        [ChatChanged(ANA, archived=False)],
    ),
    (
        ChatMarkedRead(GROUP, read=True, last=LastMessage("M3", from_me=False, timestamp=5_999, author=BRUNO)),
        "regular_low",
        [["markChatAsRead", str(GROUP)]],
        3,
        {
            "markChatAsReadAction": {
                "read": True,
                "messageRange": {
                    "lastMessageTimestamp": "5",
                    "messages": [
                        {
                            "key": {
                                "remoteJID": str(GROUP),
                                "fromMe": False,
                                "ID": "M3",
                                "participant": "99887766@lid",
                            },
                            "timestamp": "5",
                        }
                    ],
                },
            }
        },
        [
            ChatMarkedRead(
                GROUP,
                read=True,
                timestamp=NOW,
                last=LastMessage("M3", from_me=False, timestamp=5_000, author=BRUNO.bare),
            )
        ],
    ),
    (
        ChatDeleted(ANA, last=LastMessage("M4", from_me=True, timestamp=7_000, author=ANA)),
        "regular_high",
        [["deleteChat", str(ANA), "1"]],
        6,
        {
            "deleteChatAction": {
                "messageRange": {
                    "lastMessageTimestamp": "7",
                    "messages": [
                        {"key": {"remoteJID": str(ANA), "fromMe": True, "ID": "M4"}, "timestamp": "7"},
                    ],
                }
            }
        },
        [ChatDeleted(ANA, timestamp=7_999)],
    ),
    (
        LabelChanged("4", "Lieferung ✓", color=3),
        "regular",
        [["label_edit", "4"]],
        3,
        {"labelEditAction": {"name": "Lieferung ✓", "color": 3, "deleted": False}},
        [LabelChanged("4", "Lieferung ✓", 3, deleted=False, timestamp=NOW)],
    ),
    (
        ChatLabelled("4", GROUP, labelled=True),
        "regular",
        [["label_jid", "4", str(GROUP)]],
        3,
        {"labelAssociationAction": {"labeled": True}},
        [ChatLabelled("4", GROUP, labelled=True, timestamp=NOW)],
    ),
    (
        MessageLabelled("4", ANA, "M5", labelled=False),
        "regular",
        [["label_message", "4", str(ANA), "M5", "0", "0"]],
        3,
        {"labelAssociationAction": {"labeled": False}},
        [MessageLabelled("4", ANA, "M5", labelled=False, timestamp=NOW)],
    ),
]


def decoded(change: AppStateChange) -> dict[str, list[Mutation]]:
    """As every device reads it, by collection."""
    found: dict[str, list[Mutation]] = {}
    for collection, written in mutations(change, NOW).items():
        state = CollectionState(collection)
        patch = state.build_patch(written, KEY)
        patch.version.version = 1
        found[collection] = state.apply_patch(patch, {KEY.id: KEY})
    return found


@pytest.mark.parametrize(("change", "collection", "indexes", "version", "value", "read"), CASES)
def test_a_change_says_what_phones_understand(
    change: AppStateChange,
    collection: str,
    indexes: list[list[str]],
    version: int,
    value: dict[str, object],
    read: list[AppStateChange],
) -> None:
    from google.protobuf.json_format import MessageToDict

    ((where, found),) = decoded(change).items()
    assert where == collection
    assert [list(mutation.index) for mutation in found] == indexes
    assert {mutation.version for mutation in found} == {version}
    (said,) = [MessageToDict(mutation.value, preserving_proto_field_name=True) for mutation in found]
    assert said == {"timestamp": str(NOW), **value}, json.dumps(said)
    assert changes_of(found) == read


def test_archiving_unpins() -> None:
    found = decoded(ChatChanged(ANA, archived=True))["regular_low"]
    assert [(mutation.index[0], mutation.version) for mutation in found] == [("archive", 3), ("pin_v1", 5)]
    assert changes_of(found) == [
        ChatChanged(ANA, archived=True),
        ChatChanged(ANA, pinned=False),
    ]


def test_several_facts_about_a_chat_go_where_each_belongs() -> None:
    found = decoded(ChatChanged(ANA, archived=False, pinned=True, muted_until=0))
    assert {name: [mutation.index[0] for mutation in of_one] for name, of_one in found.items()} == {
        "regular_low": ["archive", "pin_v1"],
        "regular_high": ["mute"],
    }


@pytest.mark.parametrize("change", [ChatChanged(ANA, name="Ana"), ChatCleared(ANA, keeps_starred=True)])
def test_what_is_not_written(change: AppStateChange) -> None:
    assert mutations(change, NOW) == {}


def mutation(*index: str, **fields: object) -> Mutation:
    value = sync_action.SyncActionValue(timestamp=NOW, **fields)  # type: ignore[arg-type]
    return Mutation(index, 1, value)


def test_what_is_cleared_on_the_phone_is_understood() -> None:
    clear = sync_action.ClearChatAction()
    assert changes_of([mutation("clearChat", str(ANA), "0", "1", clearChatAction=clear)]) == [
        ChatCleared(ANA, keeps_starred=True, timestamp=NOW)
    ]


@pytest.mark.parametrize(
    "odd",
    [
        mutation("star", str(ANA)),
        mutation("star", str(ANA), "M1", "0", "0"),
        mutation("pin_v1", "not a jid @ all", pinAction=sync_action.PinAction(pinned=True)),
        mutation("pin_v1", pinAction=sync_action.PinAction(pinned=True)),
        mutation("something_new", str(ANA)),
        mutation(),
        Mutation(("pin_v1", str(ANA)), 5, sync_action.SyncActionValue(), "remove"),
    ],
)
def test_what_is_unknown_or_odd_is_left_out(odd: Mutation) -> None:
    assert changes_of([odd]) == []


def request(*changes: AppStateChange) -> Request:
    return Request(changes)


async def test_changes_of_one_collection_share_a_patch() -> None:
    star = [MessageStarred(ANA, f"M{number}", from_me=True, starred=True) for number in range(5)]
    pin, unpin, archive = (
        ChatChanged(ANA, pinned=True),
        ChatChanged(ANA, pinned=False),
        ChatChanged(GROUP, archived=True),
    )
    one, other = request(star[0], pin, *star[1:]), request(unpin, archive)
    high, low, again = plan_patches([one, other])
    assert [patch.collection for patch in (high, low, again)] == ["regular_high", "regular_low", "regular_low"]
    assert (high.changes, low.changes) == (star, [pin])
    assert again.changes == [unpin, archive], "an index comes once in a patch"
    assert [patch.requests for patch in (high, low, again)] == [[one], [one], [other]]
    assert (one.open_patches, other.open_patches) == (2, 1)


async def test_the_same_change_twice_is_two_patches() -> None:
    pin = ChatChanged(ANA, pinned=True)
    one, other = request(pin), request(pin)
    assert [patch.requests for patch in plan_patches([one, other])] == [[one], [other]]
    assert plan_patches([]) == []


async def test_a_change_of_two_collections_is_through_with_both() -> None:
    both = request(ChatChanged(ANA, pinned=True, muted_until=0))
    assert [patch.collection for patch in plan_patches([both])] == ["regular_low", "regular_high"]
    assert both.open_patches == 2


def test_a_mark_of_the_phone_names_the_newest_messages() -> None:
    def range_of(*times: int) -> sync_action.SyncActionMessageRange:
        reach = sync_action.SyncActionMessageRange(lastMessageTimestamp=max(times, default=0))
        for number, seconds in enumerate(times):
            reach.messages.add(timestamp=seconds).key.ID = f"M{number}"
        return reach

    def read(index: tuple[str, ...], **value: object) -> AppStateChange:
        said = sync_action.SyncActionValue(timestamp=NOW, **value)  # type: ignore[arg-type]
        (found,) = changes_of([Mutation(index=index, value=said, version=1)])
        return found

    marked = read(
        ("markChatAsRead", str(ANA)),
        markChatAsReadAction=sync_action.MarkChatAsReadAction(read=True, messageRange=range_of(5, 7, 7)),
    )
    assert isinstance(marked, ChatMarkedRead)
    assert marked.last == LastMessage("M1", from_me=False, timestamp=7_000, others=("M2",))
    cleared = read(
        ("clearChat", str(ANA), "1", "0"),
        clearChatAction=sync_action.ClearChatAction(messageRange=range_of(5, 7)),
    )
    assert cleared == ChatCleared(ANA, keeps_starred=False, timestamp=7_999), "what came since is not cleared away"
