from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.unit.media.site import Site, redirect, response, running_site
from tests.unit.waiting import WAIT
from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source import web

PUBLIC = "93.184.216.34"


class Names:
    """A resolver whose answers change: each question takes the next answer, the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {host.replace("_", "."): list(sequence) for host, sequence in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise OSError("unknown name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Dial(httpcore2.AsyncNetworkBackend):
    """Records where connections would go; leads them to the site."""

    def __init__(self, site: Site) -> None:
        self.dialled: list[str] = []
        self._site = site

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(host)
        return await httpcore2.AnyIOBackend().connect_tcp("127.0.0.1", self._site.port, timeout)


async def read(
    link: str, policy: MediaPolicy, resolver: web.Resolver = web.system_resolver, dial: Dial | None = None
) -> bytes:
    with anyio.fail_after(WAIT):
        async with web.get(link, field="link", policy=policy, resolver=resolver, dial=dial) as body:
            return b"".join([chunk async for chunk in body.chunks])


@pytest.fixture
def strict(policy: MediaPolicy) -> MediaPolicy:
    return replace(policy, allow_loopback=False)


async def test_a_link_is_read(site: Site, policy: MediaPolicy) -> None:
    site.answers["/a?b=1"] = response(b"hello")
    assert await read(site.link("/a?b=1"), policy) == b"hello"
    head = site.requests[0].lower()
    assert f"host: 127.0.0.1:{site.port}" in head
    assert "accept-encoding: identity" in head
    assert "cookie" not in head


async def test_loopback_is_closed_by_default(site: Site, strict: MediaPolicy) -> None:
    site.answers["/"] = response(b"SECRET")
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "localhost.", "[64:ff9b::7f00:1]"):
        with pytest.raises((NotAllowed, InvalidArgument)):
            await read(site.link("/", host), strict)
    assert site.requests == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.0.0.1", "127.0.0.1.", "0", "１２７.１", "①②⑦.1"]
)
async def test_odd_notations_of_loopback_are_refused(host: str, site: Site, policy: MediaPolicy) -> None:
    """Even where loopback itself is allowed."""
    site.answers["/"] = response(b"SECRET")
    with pytest.raises(InvalidArgument):
        await read(site.link("/", host), policy)
    assert site.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[::]",
        "[2002:7f00:1::]",
    ],
)
async def test_private_addresses_are_refused(host: str, policy: MediaPolicy) -> None:
    with pytest.raises(NotAllowed) as caught:
        await read(f"http://{host}/", policy)
    assert host not in str(caught.value.to_wire())


@pytest.mark.parametrize(
    "link",
    [
        "",
        "example.com",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://user@example.com/",
        "http://user:password@example.com/",
        "http://exam ple.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\r\nX: y",
        "http://example.com:99999/",
        "http://example.com:0/",
        "http://[::1%25lo]/",
        "http://[::1/",
        "http://" + "a" * 5000,
        "http://\ud800/",
    ],
)
async def test_links_that_are_none(link: str, policy: MediaPolicy) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await read(link, policy)
    assert caught.value.details["field"] == "link"
    assert "password@" not in caught.value.message


async def test_names_that_lead_inside_are_refused(site: Site, strict: MediaPolicy) -> None:
    names = Names(
        evil_example=[["127.0.0.1"]], mixed_example=[[PUBLIC, "10.0.0.1"]], mapped_example=[["::ffff:10.1.1.1"]]
    )
    dial = Dial(site)
    for name in ("evil.example", "mixed.example", "mapped.example"):
        with pytest.raises(NotAllowed) as caught:
            await read(f"http://{name}/", strict, names, dial)
        assert "10." not in str(caught.value.to_wire())
    assert dial.dialled == []


async def test_a_name_that_changes_its_mind_changes_nothing(site: Site, strict: MediaPolicy) -> None:
    """DNS rebinding: the judged address is the one that is dialled, the name is not asked again for it."""
    site.answers["/"] = response(b"hello")
    names, dial = Names(flip_example=[[PUBLIC], ["127.0.0.1"]]), Dial(site)
    assert await read("http://flip.example/", strict, names, dial) == b"hello"
    assert dial.dialled == [PUBLIC]
    assert names.asked == ["flip.example"]
    assert "host: flip.example\r\n" in site.requests[0].lower()
    with pytest.raises(NotAllowed):
        await read("http://flip.example/", strict, names, dial)
    assert dial.dialled == [PUBLIC]


async def test_the_name_is_judged_again_after_a_redirect(site: Site, strict: MediaPolicy) -> None:
    site.answers["/"] = redirect("/inside")
    site.answers["/inside"] = response(b"SECRET")
    names, dial = Names(flip_example=[[PUBLIC], ["127.0.0.1"]]), Dial(site)
    with pytest.raises(NotAllowed):
        await read("http://flip.example/", strict, names, dial)
    assert dial.dialled == [PUBLIC]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://169.254.169.254/latest/meta-data/",
        "//127.0.0.1/",
        "http://inside.example/",
        "file:///etc/passwd",
        "ftp://public.example/",
        "http://user:pw@public.example/",
        "",
        "http://[",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_inside_are_refused(location: str, status: int, site: Site, strict: MediaPolicy) -> None:
    site.answers["/"] = redirect(location, status=status)

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host == "public.example":
            return [PUBLIC]
        return ["127.0.0.1"] if host == "inside.example" else await web.system_resolver(host, port)

    dial = Dial(site)
    with pytest.raises((NotAllowed, InvalidArgument)):
        await read("http://public.example/", replace(strict, max_redirects=1), resolve, dial)
    assert set(dial.dialled) == {PUBLIC}


async def test_redirects_are_followed(site: Site, policy: MediaPolicy) -> None:
    site.answers["/1"] = redirect("2")
    site.answers["/2"] = redirect(site.link("/3"))
    site.answers["/3"] = response(b"hello")
    assert await read(site.link("/1"), policy) == b"hello"
    with pytest.raises(InvalidArgument, match="redirects"):
        await read(site.link("/1"), replace(policy, max_redirects=1), web.system_resolver)


async def test_the_next_address_is_tried_when_one_is_dead(site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = response(b"hello")
    names = Names(two_example=[["::1", "127.0.0.1"]])
    assert await read(site.link("/", "two.example"), policy, names) == b"hello"


async def test_proxies_of_the_environment_are_not_used(
    site: Site, policy: MediaPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answers["/"] = response(b"hello")
    assert await read(site.link(), policy) == b"hello"


async def test_compressed_answers_are_refused(site: Site, policy: MediaPolicy) -> None:
    for encoding in ("gzip", "br", "deflate, gzip", "zstd"):
        site.answers["/"] = response(b"\x1f\x8b bomb", headers={"Content-Encoding": encoding})
        with pytest.raises(InvalidArgument, match="compress"):
            await read(site.link(), policy)


@pytest.mark.parametrize("status", [204, 304, 400, 403, 404, 500, 503])
async def test_answers_that_are_no_success(status: int, site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = response(b"INTERNAL DETAILS" if status >= 400 else b"", status=status)
    if status == 204:
        assert await read(site.link(), policy) == b""
        return
    with pytest.raises(InvalidArgument, match=str(status)) as caught:
        await read(site.link(), policy)
    assert "INTERNAL" not in str(caught.value.to_wire())


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", b"\0" * 99]
)
async def test_answers_that_are_no_http(answer: bytes, site: Site, policy: MediaPolicy) -> None:
    site.answers["/"] = answer
    with pytest.raises(InvalidArgument):
        await read(site.link(), policy)


async def test_an_unknown_or_dead_host(policy: MediaPolicy) -> None:
    async with running_site() as gone:
        link = gone.link()
    for dead in (link, "http://no-such-host.example/"):
        with pytest.raises(InvalidArgument, match="cannot be reached"):
            await read(dead, policy, Names(**{"127_0_0_1": [["127.0.0.1"]]}))


def make_certificate(folder: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


class TestTls:
    """The certificate is checked against the name of the link, whatever address was dialled."""

    @pytest.fixture
    async def port(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
        """A TLS site for ``secure.example`` whose certificate is trusted here."""
        make_certificate(tmp_path, "secure.example")
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        client_context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        monkeypatch.setattr(web, "ssl_context", lambda: client_context)
        site = Site()
        site.answers["/"] = response(b"hello")
        site.answers["/down"] = redirect("http://secure.example/")
        server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=server_context)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def test_the_right_name(self, port: int, policy: MediaPolicy) -> None:
        names = Names(secure_example=[["127.0.0.1"]])
        assert await read(f"https://secure.example:{port}/", policy, names) == b"hello"

    async def test_a_wrong_name(self, port: int, policy: MediaPolicy) -> None:
        names = Names(other_example=[["127.0.0.1"]])
        with pytest.raises(InvalidArgument, match="certificate"):
            await read(f"https://other.example:{port}/", policy, names)

    async def test_a_redirect_from_https_to_http(self, port: int, policy: MediaPolicy) -> None:
        names = Names(secure_example=[["127.0.0.1"]])
        with pytest.raises(InvalidArgument, match="plain http"):
            await read(f"https://secure.example:{port}/down", policy, names)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename=a.pdf; size=3", "a.pdf"),
        ("attachment; filename=x; filename*=UTF-8''%e2%82%ac%20.pdf", "€ .pdf"),
        ("attachment; filename*=nonsense''x%20.pdf", ""),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ("inline", ""),
        ("", ""),
    ],
)
def test_names_in_headers(header: str, name: str) -> None:
    assert web.name_from_disposition(header) == name
