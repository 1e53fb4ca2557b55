"""The pictures of people, groups and newsletters, and the host that clients get them from."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from whatsapp_mcp.simulator.network.http import Exchange, Routes
from whatsapp_mcp.simulator.state.accounts import SimPicture
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World

PICTURE_HOST = "pps.whatsapp.net"
_PICTURE_PATH = "/v/simulated-pictures/"
MAX_PICTURE = 1 << 20


class Pictures:
    """The picture host."""

    def __init__(self, world: World, routes: Routes) -> None:
        self._world = world
        self._images: dict[str, bytes] = {}
        routes.add(_PICTURE_PATH, self._serve)

    def keep(self, jpeg: bytes) -> SimPicture:
        """Put a picture on the picture host.

        Raises:
            IqError: 406, it is no JPEG or too large.
        """
        if not jpeg.startswith(b"\xff\xd8") or len(jpeg) > MAX_PICTURE:
            raise IqError(406, "not-acceptable")
        number = str(int(self._world.clock()) * 1000 + secrets.randbelow(1000))
        path = f"{_PICTURE_PATH}{number}.jpg?ccb=1"
        self._images[number] = jpeg
        return SimPicture(number, f"https://{PICTURE_HOST}{path}", path)

    async def _serve(self, exchange: Exchange) -> None:
        name = exchange.request.path.removeprefix(_PICTURE_PATH).removesuffix(".jpg")
        image = self._images.get(name) if exchange.request.method == "GET" else None
        if image is None:
            await exchange.answer(HTTPStatus.NOT_FOUND)
        else:
            await exchange.answer(content=image, content_type="image/jpeg")
