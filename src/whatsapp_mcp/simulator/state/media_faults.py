"""What goes wrong between a client and the media hosts, as switches: ``simulator.faults.media``.

Each method says what a neonize 0.5.2 client experiences, measured unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from whatsapp_mcp.simulator.state.countdown import Countdown


@dataclass(frozen=True, slots=True)
class MediaRefusal:
    """An error answer. ``retry_after``: seconds, a header of that name goes with it."""

    status: HTTPStatus
    retry_after: int | None = None


class MediaFaults:
    """The switches. Each is for the next ``times`` transfers; negative: until :meth:`clear`."""

    def __init__(self) -> None:
        self._upload: tuple[MediaRefusal, Countdown] | None = None
        self._download: tuple[MediaRefusal, Countdown] | None = None
        self._slow: tuple[float, Countdown] = (0.0, Countdown())
        self._cut_uploads = Countdown()
        self._cut_downloads = Countdown()
        self._corrupted = Countdown()

    def fail_uploads(self, status: int = 413, *, times: int = 1) -> None:
        """Refuse uploads, after they were sent. Client: UploadError "upload failed with status code 413"."""
        self._upload = (MediaRefusal(HTTPStatus(status)), Countdown(times))

    def fail_downloads(self, status: int = 404, *, retry_after: int | None = None, times: int = 1) -> None:
        """Refuse downloads. Client: 403, 404 and 410 are a DownloadError at once; 5xx and 429 it tries again up to
        five times, after ``retry_after`` or else 1, 2, 3 … s."""
        self._download = (MediaRefusal(HTTPStatus(status), retry_after), Countdown(times))

    def slow(self, seconds: float, *, times: int = -1) -> None:
        """Let each transfer take ``seconds`` longer, spread over it. Client: waits; it has no deadline of its own."""
        self._slow = (seconds, Countdown(times))

    def cut_uploads(self, *, times: int = 1) -> None:
        """Cut the connection in the middle of uploads. Client: UploadError, no second attempt."""
        self._cut_uploads = Countdown(times)

    def cut_downloads(self, *, times: int = 1) -> None:
        """Cut the connection in the middle of downloads. Client: DownloadError "unexpected EOF", no second attempt."""
        self._cut_downloads = Countdown(times)

    def corrupt_downloads(self, *, times: int = 1) -> None:
        """Change a byte in downloads. Client: DownloadError, a hash does not match."""
        self._corrupted = Countdown(times)

    def clear(self) -> None:
        """Back to healthy media hosts."""
        self._upload = self._download = None
        self._slow = (0.0, Countdown())
        self._cut_uploads, self._cut_downloads, self._corrupted = Countdown(), Countdown(), Countdown()

    # --- for the media host ---

    def take_upload_refusal(self) -> MediaRefusal | None:
        return self._upload[0] if self._upload and self._upload[1].take() else None

    def take_download_refusal(self) -> MediaRefusal | None:
        return self._download[0] if self._download and self._download[1].take() else None

    def take_slowness(self) -> float:
        return self._slow[0] if self._slow[1].take() else 0.0

    def take_cut_upload(self) -> bool:
        return self._cut_uploads.take()

    def take_cut_download(self) -> bool:
        return self._cut_downloads.take()

    def take_corruption(self) -> bool:
        return self._corrupted.take()
