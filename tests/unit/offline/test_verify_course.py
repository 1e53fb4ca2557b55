"""A run of `verify`: what becomes of steps, also when one fails or the owner has enough; all is put back."""

from __future__ import annotations

import anyio
import pytest
from tests.unit.offline.test_verify_own_chat import OWN, Server, own_chat

from whatsapp_mcp.offline.verify.own_chat import ToolFailed
from whatsapp_mcp.offline.verify.sequence import Course, Result
from whatsapp_mcp.offline.verify.sight import Ending, Left, Sight
from whatsapp_mcp.offline.verify.steps import STEPS, Step
from whatsapp_mcp.offline.verify.trial import Differs, NotTried, Trial


async def good(_: Trial) -> tuple[Sight, ...]:
    return (Sight.IN_CHAT,)


async def failing(_: Trial) -> tuple[Sight, ...]:
    raise ToolFailed("rate_limited")


async def differing(_: Trial) -> tuple[Sight, ...]:
    raise Differs(Sight.NOT_IN_CHAT)


async def unwanted(_: Trial) -> tuple[Sight, ...]:
    raise NotTried(Sight.NOT_WANTED)


async def odd(_: Trial) -> tuple[Sight, ...]:
    raise KeyError("results")


async def broken(_: Trial) -> tuple[Sight, ...]:
    raise RuntimeError("a mistake of ours")


async def endless(_: Trial) -> tuple[Sight, ...]:
    await anyio.sleep_forever()
    return ()


async def run(*steps: Step, trial: Trial | None = None) -> dict[str, Result]:
    course = Course(trial or Trial(own_chat(Server())), steps)
    await course.run()
    return {result.step.name: result for result in course.results}


async def test_a_step_that_fails_does_not_end_the_run() -> None:
    found = await run(
        Step("a", "", failing),
        Step("b", "", differing),
        Step("c", "", odd),
        Step("d", "", broken),
        Step("e", "", endless, limit=0.01),
        Step("f", "", unwanted),
        Step("g", "", good),
    )
    assert {name: (result.ending, result.seen, result.code) for name, result in found.items()} == {
        "a": (Ending.FAILED, (), "rate_limited"),
        "b": (Ending.DIFFERS, (Sight.NOT_IN_CHAT,), ""),
        "c": (Ending.DIFFERS, (Sight.ODD_ANSWER,), ""),
        "d": (Ending.FAILED, (), "internal_error"),
        "e": (Ending.TIMED_OUT, (), ""),
        "f": (Ending.NOT_TRIED, (Sight.NOT_WANTED,), ""),
        "g": (Ending.AS_EXPECTED, (Sight.IN_CHAT,), ""),
    }


async def test_what_needs_another_step_is_tried_only_after_its_success() -> None:
    found = await run(
        Step("a", "", failing),
        Step("b", "", good, needs=("a",)),
        Step("c", "", good),
        Step("d", "", good, needs=("c",)),
    )
    assert [found[name].ending for name in "bcd"] == [Ending.NOT_TRIED, Ending.AS_EXPECTED, Ending.AS_EXPECTED]


async def test_neighbours_of_one_word_are_tried_at_once() -> None:
    both = anyio.Event(), anyio.Event()

    def meeting(mine: int) -> Step:
        async def step(_: Trial) -> tuple[Sight, ...]:
            both[mine].set()
            await both[1 - mine].wait()
            return ()

        return Step(f"{mine}", "", step, together="side", limit=5)

    found = await run(meeting(0), meeting(1))
    assert {result.ending for result in found.values()} == {Ending.AS_EXPECTED}


async def test_everything_is_put_back_and_what_cannot_be_is_told() -> None:
    class Half(Server):
        async def call_tool(self, name: str, arguments: dict[str, object] | None = None):  # type: ignore[no-untyped-def]
            if arguments and arguments.get("message_id") == "M1":
                self.answers["revokeMessage"] = ValueError("not_connected")
            else:
                self.answers["revokeMessage"] = {}
            return await super().call_tool(name, arguments)

    server, undone = Half(), []
    trial = Trial(own_chat(server))
    trial.own.sent += [(OWN, "M1"), (OWN, "M2")]

    async def unstar() -> None:
        undone.append(Left.STAR)

    async def unpin() -> None:
        raise ToolFailed("side_login_failed")

    trial.undo |= {Left.STAR: unstar, Left.PIN: unpin}
    course = Course(trial, [Step("a", "", good)])
    await course.run()
    assert undone == [Left.STAR]
    assert [arguments["message_id"] for name, arguments in server.calls if name == "revokeMessage"] == ["M2", "M1"]
    assert course.left == (Left.PIN, Left.MESSAGES)
    assert trial.own.sent == [(OWN, "M1")]


async def test_all_is_put_back_when_the_run_is_interrupted() -> None:
    server = Server(sendMessage={"message_id": "M1"})
    trial, told = Trial(own_chat(server)), []

    async def send(trial: Trial) -> tuple[Sight, ...]:
        await trial.own.call("sendMessage", phone=OWN, message="hello")
        return (Sight.IN_CHAT,)

    async def interrupt(_: Trial) -> tuple[Sight, ...]:
        scope.cancel()
        await anyio.sleep_forever()
        return ()

    steps = [Step("text", "", send), Step("cut", "", interrupt), Step("never", "", good)]
    course = Course(trial, steps, ending=lambda: told.append("ending"))
    with anyio.CancelScope() as scope:
        await course.run()
    assert scope.cancelled_caught
    assert ("revokeMessage", {"phone": OWN, "message_id": "M1"}) in server.calls
    assert (course.left, told) == ((), ["ending"])
    assert [(result.ending, result.seen) for result in course.results] == [
        (Ending.AS_EXPECTED, (Sight.IN_CHAT,)),
        (Ending.NOT_TRIED, (Sight.INTERRUPTED,)),
        (Ending.NOT_TRIED, (Sight.INTERRUPTED,)),
    ]


def test_steps_need_only_what_comes_before_and_not_at_the_same_time() -> None:
    for index, step in enumerate(STEPS):
        before = {earlier.name for earlier in STEPS[:index] if not step.together or earlier.together != step.together}
        assert set(step.needs) <= before, step.name
    assert len({step.name for step in STEPS}) == len(STEPS)


@pytest.mark.parametrize("tool", ["sendMessage", "revokeMessage"])
async def test_a_trial_without_group_is_left_alone(tool: str) -> None:
    """Nothing to put back, nothing is called."""
    server = Server()
    await run(Step("a", "", good), trial=Trial(own_chat(server)))
    assert tool not in [name for name, _ in server.calls]
