from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import pytest
from PIL import Image

from tests.unit.media import bombs, samples
from tests.unit.media.site import Site, redirect, response
from tests.unit.waiting import WAIT
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.preview import preview
from whatsapp_mcp.models.outgoing import LinkOut

HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(2 * WAIT):
        yield


def page(*, title: str = "A title", picture: str = "", more: str = "") -> bytes:
    image = f'<meta property="og:image" content="{picture}">' if picture else ""
    return response(f"<head><title>{title}</title>{image}{more}</head>".encode(), headers=HTML)


def picture(width: int = 1600, height: int = 800) -> bytes:
    buffer = io.BytesIO()
    samples.two_halves(width, height).save(buffer, "PNG")
    return response(buffer.getvalue(), headers={"Content-Type": "image/png"})


async def get(link: str, policy: MediaPolicy, decoders: DecoderPool | None = None) -> LinkOut:
    return await preview(link, field="link", policy=policy, caption="look", decoders=decoders)


async def test_a_preview(site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = redirect("/a/page")
    site.answers["/a/page"] = page(picture="p.png", more='<meta name="description" content="What  it\n is">')
    site.answers["/a/p.png"] = picture()
    found = await get(site.link(), policy)
    assert (found.link, found.caption) == (site.link(), "look")
    assert (found.title, found.description) == ("A title", "What it is")
    with Image.open(io.BytesIO(found.thumbnail)) as image:
        assert (image.format, image.size) == ("JPEG", (100, 50))


async def test_text_of_a_page_is_made_harmless(site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = page(title="a\u202eb\u2066\0c\U000e0041 " + "x" * 5000)
    found = await get(site.link(), policy)
    assert found.title.startswith("abc")
    assert len(found.title) == 300


@pytest.mark.parametrize(
    "answer",
    [
        response(status=404),
        response(status=500),
        redirect("http://169.254.169.254/latest/meta-data/"),
        redirect("file:///etc/passwd"),
        response(b"<title>x</title>", headers={"Content-Type": "application/pdf"}),
        response(b"<title>x</title>", headers={**HTML, "Content-Encoding": "gzip"}),
        response(b"<title>  </title>", headers=HTML),
        response(b"", headers=HTML),
        b"not http at all\r\n\r\n",
        b"",
    ],
)
async def test_no_preview(answer: bytes, site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = answer
    assert await get(site.link(), policy) == LinkOut(link=site.link(), caption="look")


@pytest.mark.parametrize(
    "answer",
    [
        response(status=404),
        response(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        response(samples.bomb_png(40_000, 40_000)),
        response(bytes(6 * 1024 * 1024)),
        redirect("http://10.0.0.1/x.png"),
    ],
)
async def test_a_preview_without_its_picture(answer: bytes, site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = page(picture="/p")
    site.answers["/p"] = answer
    found = await get(site.link(), policy)
    assert (found.title, found.thumbnail) == ("A title", b"")


@pytest.mark.parametrize(
    "link", ["http://10.0.0.1/p.png", "file:///etc/passwd", "data:image/png;base64,AAAA", "http://[", "javascript:x"]
)
async def test_pictures_from_elsewhere(link: str, site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = page(picture=link)
    found = await get(site.link(), policy)
    assert (found.title, found.thumbnail) == ("A title", b"")


async def test_a_private_link_has_no_preview(site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = page()
    assert (await get(site.link(), replace(policy, allow_loopback=False))).title == ""
    assert site.requests == []


async def test_only_the_top_of_a_long_page_is_read(site: Site, policy: MediaPolicy) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Endless</title>")
        while True:
            writer.write(b"<p>" * 10_000)
            await writer.drain()

    site.answers["/"] = endless
    found = await get(site.link(), policy)
    assert found.title == "Endless"


async def test_a_slow_page_and_a_slow_picture(site: Site, policy: MediaPolicy) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await anyio.sleep(30)

    site.answers["/slow"] = silent
    assert (await get(site.link("/slow"), replace(policy, preview_timeout=0.4))).title == ""
    site.answers["/"] = page(picture="/slow")
    async with DecoderPool() as pool:
        site.answers["/quick"] = page()
        assert (await get(site.link("/quick"), policy, pool)).title  # so that there is a decoder already
        found = await get(site.link(), replace(policy, preview_timeout=6), pool)
    assert (found.title, found.thumbnail) == ("A title", b"")


async def test_a_picture_that_is_too_much_work(site: Site, policy: MediaPolicy) -> None:
    bomb = bombs.progressive_jpeg(2000, 2000, 20_000)
    site.answers["/bomb"] = response(bomb, headers={"Content-Type": "image/jpeg"})
    site.answers["/"] = page(picture="/bomb")
    found = await get(site.link(), policy)
    assert (found.title, found.thumbnail) == ("A title", b"")
    assert list(policy.temp.iterdir()) == []


@pytest.mark.parametrize(
    "link", ["", "example.com", "ftp://example.com", "http://a:b@example.com/", "http://2130706433/"]
)
async def test_a_link_that_is_none(link: str, policy: MediaPolicy) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await get(link, policy)
    assert caught.value.details["field"] == "link"
