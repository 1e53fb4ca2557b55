"""The commands of the control socket that let something go wrong; what a client experiences then stands in
:mod:`whatsapp_mcp.simulator.state.faults`."""

from __future__ import annotations

from typing import Any, Literal

from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.state.faults import Faults, StreamFault

Json = dict[str, Any]


class FaultCommands:
    """Part of :class:`whatsapp_mcp.simulator.control.commands.Commands`."""

    _simulator: Simulator

    @property
    def _faults(self) -> Faults:
        return self._simulator.faults

    def do_drop(self, how: Literal["abrupt", "clean"] = "abrupt") -> Json:
        """Cut every connection."""
        return {"connections": self._faults.drop(how)}

    def do_silence(self) -> None:
        """Let the network die, connections staying open."""
        self._faults.silence()

    def do_resume(self) -> None:
        """End the silence."""
        self._faults.resume()

    def do_stream_error(self, kind: StreamFault) -> Json:
        """Send a stream error to every client."""
        return {"connections": self._faults.stream_error(kind)}

    def do_refuse_login(
        self, reason: int, code: int | None = None, expire_seconds: int | None = None, times: int = 1
    ) -> None:
        """Refuse the next logins."""
        self._faults.refuse_login(reason, code=code, expire_seconds=expire_seconds, times=times)

    def do_delay_answers(self, seconds: float) -> None:
        """Answer late."""
        self._faults.delay_answers(seconds)

    def do_fail_iq(self, xmlns: str, code: int, text: str, times: int = 1) -> None:
        """Refuse the next requests of a namespace."""
        self._faults.fail_iq(xmlns, code, text, times=times)

    def do_ignore_iq(self, xmlns: str, times: int = 1) -> None:
        """Never answer the next requests of a namespace."""
        self._faults.ignore_iq(xmlns, times=times)

    def do_mute_keep_alive(self) -> None:
        """Leave pings unanswered."""
        self._faults.mute_keep_alive()

    def do_reject_messages(self, code: int, times: int = 1) -> None:
        """Refuse the next messages (463, 429 …)."""
        self._faults.reject_messages(code, times=times)

    def do_withhold_acks(self, times: int = 1) -> None:
        """Relay the next messages without acknowledging them."""
        self._faults.withhold_acks(times=times)

    def do_corrupt_messages(self, times: int = 1) -> None:
        """Damage the next messages to clients."""
        self._faults.corrupt_messages(times=times)

    def do_duplicate_messages(self, times: int = 1) -> None:
        """Deliver the next messages to clients twice."""
        self._faults.duplicate_messages(times=times)

    def do_odd_receipt(self, kind: str = "server-error") -> Json:
        """Send every client a receipt of an unknown type."""
        return {"connections": self._simulator.odd_receipt(kind)}

    def do_lose_group_notices(self, times: int = 1) -> None:
        """Lose the next notifications about groups on the way to clients."""
        self._faults.lose_group_notices(times=times)

    # --- media hosts ---

    def do_fail_uploads(self, status: int = 413, times: int = 1) -> None:
        """Refuse the next uploads."""
        self._faults.media.fail_uploads(status, times=times)

    def do_fail_downloads(self, status: int = 404, retry_after: int | None = None, times: int = 1) -> None:
        """Refuse the next downloads."""
        self._faults.media.fail_downloads(status, retry_after=retry_after, times=times)

    def do_slow_media(self, seconds: float, times: int = -1) -> None:
        """Let uploads and downloads take so much longer."""
        self._faults.media.slow(seconds, times=times)

    def do_cut_uploads(self, times: int = 1) -> None:
        """Cut the connection in the middle of the next uploads."""
        self._faults.media.cut_uploads(times=times)

    def do_cut_downloads(self, times: int = 1) -> None:
        """Cut the connection in the middle of the next downloads."""
        self._faults.media.cut_downloads(times=times)

    def do_corrupt_downloads(self, times: int = 1) -> None:
        """Change a byte in the next downloads."""
        self._faults.media.corrupt_downloads(times=times)

    def do_expire_file(self, direct_path: str, status: int = 410) -> None:
        """Refuse downloads of one file from now on."""
        self._simulator.world.media.expire(direct_path, status)

    def do_clear_faults(self) -> None:
        """Back to a healthy service."""
        self._faults.clear()
