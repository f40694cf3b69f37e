"""Requests to addresses that tenants name: every known trick is refused before anything is connected to."""

import asyncio
import gzip
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.outgoing import MOST_ADDRESSES, Outgoing, OutgoingFailed, OutgoingRefused
from forecourt.public_addresses import is_name, is_public
from tests.outgoing_server import Authority, Listening, Names, Network, Script, listening, plain

pytestmark = pytest.mark.anyio

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "2606:2800:220:1:248:1893:25c8:1946"
GOOD = "https://id.example.com/.well-known/openid-configuration"

#: Addresses that are not public, each for a reason of its own.
INTERNAL = (
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:93.184.216.34", "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
    "ff02::1",
)  # fmt: skip

#: URL → the rule that refuses it.
TRICKS = {
    "https://localhost/": "name",
    "https://localhost./": "name",
    "https://LOCALHOST/": "name",
    "https://intranet/": "name",
    "https://2130706433/": "name",
    "https://0x7f000001/": "name",
    "https://0x7f.0.0.1/": "name",
    "https://0177.0.0.1/": "url",
    "https://127.1/": "name",
    "https://127.0.1/": "name",
    "https://127.0.0.1./": "name",
    "https://017700000001/": "name",
    "https://%31%32%37.0.0.1/": "name",
    "https://127.0.0.1%00.example.com/": "name",
    "https://id.example.com%2f@127.0.0.1/": "userinfo",
    "https://１２７.０.０.１/": "url",
    "https://①②⑦.⓪.⓪.①/": "url",
    "https://127。0。0。1/": "address",
    "https://[::1%25lo]/": "address",
    "https://[fe80::1%eth0]/": "address",
    "https://good.example.com@127.0.0.1/": "userinfo",
    "https://user:password@id.example.com/": "userinfo",
    "https://id.example.com:8443/": "port",
    "https://id.example.com:80/": "port",
    "https://id.example.com:22/": "port",
    "http://id.example.com/": "scheme",
    "http://id.example.com:443/": "scheme",
    "ftp://id.example.com/": "scheme",
    "file:///etc/passwd": "scheme",
    "gopher://id.example.com/": "scheme",
    "unix:///var/run/docker.sock": "scheme",
    "//id.example.com/": "scheme",
    "id.example.com": "scheme",
    "": "scheme",
    "https://": "url",
    "https:///path": "url",
    "https://id.example.com\\@127.0.0.1/": "userinfo",
    "https://a..example.com/": "name",
    "https://-a.example.com/": "name",
    "https://" + "a" * 64 + ".example.com/": "name",
    "https://" + "a." * 130 + "example.com/": "name",
}


async def refusal(outgoing: Outgoing, url: str) -> str:
    """The rule that refuses `url`."""
    with pytest.raises(OutgoingRefused) as refused:
        await outgoing.request("GET", url)
    assert refused.value.code == "OUTGOING_REFUSED"
    assert refused.value.data["rule"] == refused.value.rule
    return refused.value.rule


def to(
    server: Listening, authority: Authority, *, names: Names | None = None, **limits: float
) -> tuple[Outgoing, Network]:
    """A client for which every public address leads to the test's server."""
    network = Network(server.port)
    return (
        Outgoing(
            resolver=names or Names([[PUBLIC]]),
            backend=network,
            ssl_context=authority.trusted(),
            timeout=limits.get("timeout", 10),
            most_bytes=int(limits.get("most_bytes", 1000)),
        ),
        network,
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


# --- what is never connected to


@pytest.mark.parametrize(("url", "rule"), TRICKS.items(), ids=[ascii(url)[:50] for url in TRICKS])
async def test_a_tricky_url_is_refused_by_its_rule(url: str, rule: str) -> None:
    network, names = Network(), Names([[PUBLIC]])
    async with Outgoing(resolver=names, backend=network) as outgoing:
        assert await refusal(outgoing, url) == rule
    assert network.connected == []
    assert names.asked == []


@pytest.mark.parametrize("address", INTERNAL)
async def test_an_address_that_is_not_public_is_refused_written_and_resolved(address: str) -> None:
    network = Network()
    written = f"[{address}]" if ":" in address else address
    async with Outgoing(resolver=Names([[address]]), backend=network) as outgoing:
        assert await refusal(outgoing, f"https://{written}/") == "address"
        assert await refusal(outgoing, GOOD) == "address"
    assert network.connected == []


@pytest.mark.parametrize(
    "answers",
    [
        [PUBLIC, "10.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "::1"],
        [OTHER_PUBLIC, "fe80::1%2"],
        [],
        ["not an address"],
        [PUBLIC, "not an address"],
        [PUBLIC] * (MOST_ADDRESSES + 1),
    ],
)
async def test_one_bad_answer_among_good_ones_refuses_all(answers: list[str]) -> None:
    network = Network()
    async with Outgoing(resolver=Names([answers]), backend=network) as outgoing:
        assert await refusal(outgoing, GOOD) == "address"
    assert network.connected == []


async def test_an_unknown_name_is_refused_in_the_words_of_a_private_one() -> None:
    async with Outgoing() as outgoing:
        with pytest.raises(OutgoingRefused) as unknown:
            await outgoing.get_json("https://no-such-host.invalid/")
    async with Outgoing(resolver=Names([["10.9.8.7"]])) as outgoing:
        with pytest.raises(OutgoingRefused) as private:
            await outgoing.get_json(GOOD)
    assert unknown.value.message == private.value.message
    assert unknown.value.data == private.value.data
    assert "10.9.8.7" not in repr(private.value) + str(private.value.data)


# --- pinning


async def test_the_checked_address_is_connected_to_and_the_name_is_what_tls_and_http_see(authority: Authority) -> None:
    async with listening(plain(b'{"issuer": "me"}'), authority.server("id.example.com")) as server:
        names = Names([[PUBLIC]])
        outgoing, network = to(server, authority, names=names)
        assert await outgoing.get_json(GOOD) == {"issuer": "me"}
    assert names.asked == ["id.example.com"]
    assert network.connected == [(PUBLIC, 443)]
    assert server.names == ["id.example.com"]
    assert "\r\nHost: id.example.com\r\n" in server.requests[0]


async def test_a_name_that_changes_its_answer_is_resolved_once_and_not_followed(authority: Authority) -> None:
    async with listening(plain(b"{}"), authority.server("id.example.com")) as server:
        names = Names([[PUBLIC], ["127.0.0.1"]])
        outgoing, network = to(server, authority, names=names)
        await outgoing.get_json(GOOD)
        assert names.asked == ["id.example.com"]
        assert network.connected == [(PUBLIC, 443)]
        assert await refusal(outgoing, GOOD) == "address"  # the next request is a new check, on a new connection
    assert network.connected == [(PUBLIC, 443)]


@pytest.mark.parametrize("name", ["other.example.com", PUBLIC])
async def test_a_certificate_for_anything_but_the_name_is_refused(authority: Authority, name: str) -> None:
    async with listening(plain(b"{}"), authority.server(name)) as server:
        outgoing, _ = to(server, authority)
        with pytest.raises(OutgoingFailed) as failed:
            await outgoing.get_json(GOOD)
    assert failed.value.reason == "certificate"
    assert server.requests == []


async def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    async with listening(plain(b"{}"), Authority(tmp_path).server("id.example.com")) as server:
        outgoing, _ = to(server, authority)
        with pytest.raises(OutgoingFailed) as failed:
            await outgoing.get_json(GOOD)
    assert failed.value.reason == "certificate"


async def test_an_address_that_does_not_answer_is_followed_by_the_next_checked_one(authority: Authority) -> None:
    async with listening(plain(b"{}"), authority.server("id.example.com")) as server:
        outgoing, network = to(server, authority, names=Names([[OTHER_PUBLIC, PUBLIC]]))
        network.dead = frozenset({OTHER_PUBLIC})
        assert await outgoing.get_json(GOOD) == {}
    assert network.connected == [(OTHER_PUBLIC, 443), (PUBLIC, 443)]


async def test_a_caller_cannot_change_host_or_sni(authority: Authority) -> None:
    async with listening(plain(b"{}"), authority.server("id.example.com")) as server:
        outgoing, _ = to(server, authority)
        async with httpx2.AsyncClient(transport=outgoing.transport()) as client:
            await client.get(
                GOOD,
                headers={"Host": "internal.example.com", "Accept-Encoding": "gzip"},
                extensions={"sni_hostname": "internal.example.com", "target": b"https://10.0.0.1/"},
            )
    assert server.names == ["id.example.com"]
    assert "internal" not in server.requests[0]
    assert "10.0.0.1" not in server.requests[0]
    assert "gzip" not in server.requests[0]


# --- the answer


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent", "300 Choices"]
)
async def test_a_redirect_is_refused_whether_or_not_the_library_would_follow_it(
    authority: Authority, status: str
) -> None:
    script = plain(b"", status=status, headers="Location: https://169.254.169.254/latest/\r\n")
    async with listening(script, authority.server("id.example.com")) as server:
        outgoing, network = to(server, authority)
        assert await refusal(outgoing, GOOD) == "redirect"
        async with httpx2.AsyncClient(transport=outgoing.transport(), follow_redirects=True) as client:
            with pytest.raises(OutgoingRefused):
                await client.get(GOOD)
    assert network.connected == [(PUBLIC, 443)] * 2


async def endless(_request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(100_000):
        writer.write(b"x" * 1000)
        await writer.drain()


async def drip_body(_request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    for _ in range(900):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_head(_request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(900):
        writer.write(f"X-{number}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(_request: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


BOMB = gzip.compress(b"0" * 5_000_000)


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (plain(b"x" * 1001), "size"),
        (endless, "size"),
        (plain(b"", headers="Content-Encoding: br\r\n"), "encoding"),
        (plain(BOMB[:900], headers="Content-Encoding: gzip\r\n"), "encoding"),
        (plain(b"", headers="Content-Encoding: identity, deflate\r\n"), "encoding"),
        (drip_body, "time"),
        (drip_head, "time"),
        (silent, "time"),
    ],
    ids=["announced size", "endless", "brotli", "bomb", "two encodings", "dripping body", "dripping head", "silent"],
)
async def test_neither_size_nor_time_is_the_servers_to_choose(authority: Authority, script: Script, rule: str) -> None:
    async with listening(script, authority.server("id.example.com")) as server:
        outgoing, _ = to(server, authority, timeout=0.5)
        began = time.monotonic()
        assert await refusal(outgoing, GOOD) == rule
        assert time.monotonic() - began < 3


async def test_the_time_counts_resolving_and_connecting_too() -> None:
    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(5)
        return [PUBLIC]

    assert await refusal(Outgoing(resolver=slow, timeout=0.1), GOOD) == "time"


async def test_a_body_of_exactly_the_limit_is_read_also_in_chunks(authority: Authority) -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"fa\r\n" + b"x" * 250 + b"\r\n") * 4 + b"0\r\n\r\n"
    )

    async def script(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked)

    for one in (script, plain(b"x" * 1000)):
        async with listening(one, authority.server("id.example.com")) as server:
            outgoing, _ = to(server, authority)
            assert len((await outgoing.request("GET", GOOD)).body) == 1000


async def test_statuses_forms_and_what_is_not_json(authority: Authority) -> None:
    async with listening(plain(b"<html>", status="404 Not Found"), authority.server("id.example.com")) as server:
        outgoing, _ = to(server, authority)
        answer = await outgoing.request("POST", GOOD, data={"grant_type": "client_credentials"})
        with pytest.raises(OutgoingFailed) as status:
            await outgoing.get_json(GOOD)
        with pytest.raises(OutgoingFailed) as not_json:
            answer.json()
    assert (answer.status, answer.body) == (404, b"<html>")
    assert "application/x-www-form-urlencoded" in server.requests[0]
    assert (status.value.reason, not_json.value.reason) == ("status", "json")


async def test_who_does_not_answer_or_does_not_speak_http_has_failed(authority: Authority) -> None:
    async def rubbish(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-server\r\n\r\n")

    with pytest.raises(OutgoingFailed) as nobody:
        await Outgoing(resolver=Names([[PUBLIC]]), backend=Network()).get_json(GOOD)
    async with listening(rubbish, authority.server("id.example.com")) as server:
        with pytest.raises(OutgoingFailed) as other:
            await to(server, authority)[0].get_json(GOOD)
    assert nobody.value.reason == other.value.reason == "connection"
    assert PUBLIC not in str(nobody.value)


# --- the environment, and loopback


async def test_proxies_of_the_environment_are_not_used(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        listening(plain(b'"proxy"')) as proxy,
        listening(plain(b'"it"'), authority.server("id.example.com")) as server,
    ):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        outgoing, _ = to(server, authority)
        assert await outgoing.get_json(GOOD) == "it"
        async with httpx2.AsyncClient(transport=outgoing.transport()) as client:
            assert (await client.get(GOOD)).json() == "it"
    assert proxy.requests == []


async def test_loopback_is_allowed_by_the_setting_alone_and_nothing_else_with_it(authority: Authority) -> None:
    async with listening(plain(b"1")) as server, Outgoing(allow_loopback=True) as outgoing:
        for host in ("127.0.0.1", "localhost"):
            assert await outgoing.get_json(f"http://{host}:{server.port}/") == 1
        for name in ("local.example.com", "localhost"):
            network = Network(server.port)
            mixed = Outgoing(allow_loopback=True, resolver=Names([["127.0.0.1", PUBLIC]]), backend=network)
            assert await refusal(mixed, f"https://{name}/") == "address"
            assert network.connected == []
    network = Network()
    lax = Outgoing(allow_loopback=True, resolver=Names([[PUBLIC]]), backend=network)
    for url, rule in TRICKS.items():
        if url not in ("https://localhost/", "https://LOCALHOST/", "https://127。0。0。1/"):  # these may be asked now
            assert await refusal(lax, url) == rule
    for address in INTERNAL:
        written = f"[{address}]" if ":" in address else address
        if address not in ("127.0.0.1", "127.8.9.10", "::1"):
            assert await refusal(lax, f"https://{written}/") == "address"
            assert await refusal(lax, f"http://{written}:8080/") == "scheme"
    assert network.connected == []


# --- spellings

octets = st.integers(0, 255)
internal_4 = st.sampled_from([text for text in INTERNAL if ":" not in text]).map(IPv4Address) | st.one_of(
    st.tuples(st.just(10), octets, octets, octets),
    st.tuples(st.just(127), octets, octets, octets),
    st.tuples(st.just(172), st.integers(16, 31), octets, octets),
    st.tuples(st.just(192), st.just(168), octets, octets),
    st.tuples(st.just(169), st.just(254), octets, octets),
    st.tuples(st.just(100), st.integers(64, 127), octets, octets),
    st.tuples(st.integers(224, 255), octets, octets, octets),
).map(lambda parts: IPv4Address(bytes(parts)))


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """A host in one of the notations that some parser or resolver takes for an internal address."""
    address = draw(internal_4)
    number, parts = int(address), address.packed
    bases = draw(st.lists(st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}", "000{:o}"]), min_size=4, max_size=4))
    each = [base.format(part) for base, part in zip(bases, parts, strict=True)]
    low = int.from_bytes(parts[2:])
    embedded = [f"::{address}", f"::ffff:{address}", f"64:ff9b::{address}", f"::ffff:0:{address}"]
    sixes = [IPv6Address(text) for text in embedded] + [
        IPv6Address((0x2002 << 112) | (number << 80)),  # 6to4
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),  # Teredo
        IPv6Address((0xFD << 120) | number),
        IPv6Address((0xFE80 << 112) | number),
    ]
    six = draw(st.sampled_from(sixes))
    host = draw(
        st.sampled_from(
            [
                str(address),
                str(number),
                hex(number),
                f"0{number:o}",
                ".".join(each),
                f"{each[0]}.{number & 0xFFFFFF}",
                f"{each[0]}.{each[1]}.{low}",
                f"{address}.",
                "。".join(str(part) for part in parts),
                "．".join(str(part) for part in parts),
                "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in str(address)),
                f"[{six}]",
                f"[{six.exploded}]",
                f"[{str(six).upper()}]",
                *(f"[{text}]" for text in embedded),
                f"[{six}%25eth0]",
                f"[{six}%1]",
                "localhost",
                "LocalHost.",
                "%6cocalhost",
            ]
        )
    )
    return draw(st.sampled_from(["{}", "good.example.com@{}", "{}:443", "{}:80", "good.example.com:443@{}"])).format(
        host
    )


def never_connects(host: str, schemes: Iterable[str] = ("https", "http")) -> None:
    """Ask for `host` in every scheme; what reaches the resolver at all would be answered with an internal address."""

    async def ask() -> None:
        network = Network()
        outgoing = Outgoing(resolver=Names([["127.0.0.1"]]), backend=network)
        for scheme in schemes:
            await refusal(outgoing, f"{scheme}://{host}/x")
            async with httpx2.AsyncClient(transport=outgoing.transport()) as client:
                with pytest.raises((OutgoingRefused, httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError)):
                    await client.get(f"{scheme}://{host}/x")
        assert network.connected == []

    asyncio.run(ask())


@settings(deadline=None, max_examples=300)
@given(spelled())
def test_no_spelling_of_an_internal_address_is_connected_to(host: str) -> None:
    never_connects(host)


@pytest.mark.proof
@settings(deadline=None, max_examples=5000)
@given(spelled() | st.text(max_size=40) | st.text("0123456789abcdefx.:[]%@/\\#?", max_size=40))
def test_no_spelling_of_an_internal_address_is_connected_to_at_length(host: str) -> None:
    never_connects(host)


@pytest.mark.proof
@settings(deadline=None, max_examples=20_000)
@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_public_is_a_part_of_what_the_standard_library_calls_global(address: IPv4Address | IPv6Address) -> None:
    if is_public(address):
        assert address.is_global and not address.is_multicast and not address.is_private and not address.is_reserved


def test_ordinary_providers_pass() -> None:
    for text in ("8.8.8.8", PUBLIC, OTHER_PUBLIC, "2400:3200::1", "114.114.114.114", "172.15.0.1", "100.63.0.1"):
        assert is_public(IPv6Address(text) if ":" in text else IPv4Address(text))
    for name in (
        "id.example.com",
        "login.microsoftonline.com",
        "xn--fiqs8s.example.cn",
        "a_b.example.com",
        "1.2.3.example",
    ):
        assert is_name(name)
