"""Which tools are listed."""

from __future__ import annotations

import pytest

from whatsapp_mcp.catalog import Catalog, SelectionError, load_catalog, select


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def names(catalog: Catalog) -> list[str]:
    return [operation.name for operation in catalog.operations]


def in_toolset(catalog: Catalog, toolset: str) -> set[str]:
    return {operation.name for operation in catalog.operations if toolset in operation.toolsets}


def test_core_is_the_default(catalog: Catalog) -> None:
    assert set(names(select(catalog))) == in_toolset(catalog, "core")
    assert names(select(catalog, "core")) == names(select(catalog))


def test_all_is_everything_in_the_order_of_the_file(catalog: Catalog) -> None:
    assert names(select(catalog, "all")) == names(catalog)
    assert names(select(catalog, "all")) == names(select(catalog, "newsletter,group,chat,message,send,user,app"))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("newsletter", {"unfollowNewsletter", "getNewsletterMessages"}),
        (" newsletter , sendPoll ", {"unfollowNewsletter", "getNewsletterMessages", "sendPoll"}),
        ("newsletter,+sendPoll", {"unfollowNewsletter", "getNewsletterMessages", "sendPoll"}),
        ("newsletter,+sendPoll,-unfollowNewsletter", {"getNewsletterMessages", "sendPoll"}),
        ("app,-core", {"appLogout", "appLoginWithCode", "appDevices"}),
    ],
)
def test_toolsets_and_tools_are_combined(catalog: Catalog, spec: str, expected: set[str]) -> None:
    assert set(names(select(catalog, spec))) == expected


def test_only_additions_start_from_core(catalog: Catalog) -> None:
    assert set(names(select(catalog, "+sendPoll"))) == in_toolset(catalog, "core") | {"sendPoll"}
    assert set(names(select(catalog, "-sendMessage"))) == in_toolset(catalog, "core") - {"sendMessage"}


def test_read_only_leaves_only_what_changes_nothing(catalog: Catalog) -> None:
    chosen = select(catalog, "all", read_only=True)

    assert names(chosen) == [operation.name for operation in catalog.operations if operation.effect == "read"]
    assert "getChatMessages" in chosen.by_name
    assert "readMessage" not in chosen.by_name


def test_read_only_refuses_a_writing_tool_asked_for_by_name(catalog: Catalog) -> None:
    with pytest.raises(SelectionError, match="sendPoll changes something, and this server is read-only"):
        select(catalog, "core,+sendPoll", read_only=True)
    assert "sendPoll" not in select(catalog, "core,-sendPoll", read_only=True).by_name


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("cor", "did you mean 'core'"),
        ("groups", "did you mean 'group'"),
        ("core,+sendpol", "did you mean 'sendPoll'"),
        ("core,-send_poll", "did you mean 'sendPoll'"),
        ("zzz", "toolsets are all, core, app, user, send, message, chat, group, newsletter"),
    ],
)
def test_an_unknown_name_is_refused_with_what_was_probably_meant(catalog: Catalog, spec: str, hint: str) -> None:
    with pytest.raises(SelectionError, match=hint):
        select(catalog, spec)


@pytest.mark.parametrize(
    ("spec", "read_only"), [("", False), (" , ", False), ("send,-listScheduled", True), ("app,-app", False)]
)
def test_an_empty_selection_is_refused(catalog: Catalog, spec: str, read_only: bool) -> None:
    with pytest.raises(SelectionError):
        select(catalog, spec, read_only=read_only)
