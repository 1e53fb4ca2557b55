"""What goes wrong between a client and the media hosts, as switches: ``simulator.faults.media``.

Each method says what a neonize 0.5.2 client experiences, measured unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from whatsapp_mcp.simulator.state.planned import Planned, cancel_all


@dataclass(frozen=True, slots=True)
class MediaRefusal:
    """An error answer. ``retry_after``: seconds, a header of that name goes with it."""

    status: HTTPStatus
    retry_after: int | None = None


class MediaFaults:
    """The switches. Each is for the next ``times`` transfers; negative: until :meth:`clear`."""

    def __init__(self) -> None:
        self.upload_refusal = Planned[MediaRefusal]()
        self.download_refusal = Planned[MediaRefusal]()
        self.slowness = Planned[float]()
        """Seconds."""
        self.cut_upload = Planned[bool]()
        self.cut_download = Planned[bool]()
        self.corruption = Planned[bool]()

    def fail_uploads(self, status: int = 413, *, times: int = 1) -> None:
        """Refuse uploads, after they were sent. Client: UploadError "upload failed with status code 413"."""
        self.upload_refusal.plan(MediaRefusal(HTTPStatus(status)), times)

    def fail_downloads(self, status: int = 404, *, retry_after: int | None = None, times: int = 1) -> None:
        """Refuse downloads. Client: 403, 404 and 410 are a DownloadError at once; 5xx and 429 it tries again up to
        five times, after ``retry_after`` or else 1, 2, 3 … s."""
        self.download_refusal.plan(MediaRefusal(HTTPStatus(status), retry_after), times)

    def slow(self, seconds: float, *, times: int = -1) -> None:
        """Let each transfer take ``seconds`` longer, spread over it. Client: waits; it has no deadline of its own."""
        self.slowness.plan(seconds, times)

    def cut_uploads(self, *, times: int = 1) -> None:
        """Cut the connection in the middle of uploads. Client: UploadError, no second attempt."""
        self.cut_upload.plan(True, times)

    def cut_downloads(self, *, times: int = 1) -> None:
        """Cut the connection in the middle of downloads. Client: DownloadError "unexpected EOF", no second attempt."""
        self.cut_download.plan(True, times)

    def corrupt_downloads(self, *, times: int = 1) -> None:
        """Change a byte in downloads. Client: DownloadError, a hash does not match."""
        self.corruption.plan(True, times)

    def clear(self) -> None:
        """Back to healthy media hosts."""
        cancel_all(self)
