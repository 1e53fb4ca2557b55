"""The commands of the control socket that let something go wrong: the switches of
:mod:`whatsapp_mcp.simulator.state.faults`, which also say what a client experiences then."""

from __future__ import annotations

import functools
from collections.abc import Callable

from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.media_faults import MediaFaults
from whatsapp_mcp.simulator.state.media_store import MediaStore


def _command(
    fault: Callable[..., int | None], switches: Callable[[Simulator], object]
) -> Callable[..., dict[str, int] | None]:
    """A command with the arguments and the documentation of ``fault``, a method of ``switches``."""

    @functools.wraps(fault)
    def run(commands: FaultCommands, *args: object, **kwargs: object) -> dict[str, int] | None:
        reached = fault(switches(commands._simulator), *args, **kwargs)
        return None if reached is None else {"connections": reached}

    return run


def _of_faults(fault: Callable[..., int | None]) -> Callable[..., dict[str, int] | None]:
    return _command(fault, lambda simulator: simulator.faults)


def _of_media(fault: Callable[..., None]) -> Callable[..., dict[str, int] | None]:
    return _command(fault, lambda simulator: simulator.faults.media)


class FaultCommands:
    """Part of :class:`whatsapp_mcp.simulator.control.commands.Commands`."""

    _simulator: Simulator

    do_drop = _of_faults(Faults.drop)
    do_silence = _of_faults(Faults.silence)
    do_resume = _of_faults(Faults.resume)
    do_stream_error = _of_faults(Faults.stream_error)
    do_refuse_login = _of_faults(Faults.refuse_login)
    do_delay_answers = _of_faults(Faults.delay_answers)
    do_fail_iq = _of_faults(Faults.fail_iq)
    do_ignore_iq = _of_faults(Faults.ignore_iq)
    do_mute_keep_alive = _of_faults(Faults.mute_keep_alive)
    do_reject_messages = _of_faults(Faults.reject_messages)
    do_withhold_acks = _of_faults(Faults.withhold_acks)
    do_corrupt_messages = _of_faults(Faults.corrupt_messages)
    do_duplicate_messages = _of_faults(Faults.duplicate_messages)
    do_lose_group_notices = _of_faults(Faults.lose_group_notices)
    do_clear_faults = _of_faults(Faults.clear)
    do_odd_receipt = _command(Simulator.odd_receipt, lambda simulator: simulator)

    do_fail_uploads = _of_media(MediaFaults.fail_uploads)
    do_fail_downloads = _of_media(MediaFaults.fail_downloads)
    do_slow_media = _of_media(MediaFaults.slow)
    do_cut_uploads = _of_media(MediaFaults.cut_uploads)
    do_cut_downloads = _of_media(MediaFaults.cut_downloads)
    do_corrupt_downloads = _of_media(MediaFaults.corrupt_downloads)
    do_expire_file = _command(MediaStore.expire, lambda simulator: simulator.world.media)
