"""The one client for requests to addresses that tenants name: identity providers and webhooks.

Whoever may name an address could point it at this machine's own network (server-side request forgery). So a request is made only

- by https to port 443, without user information in the URL;
- to a full name of which **every** answer is public, resolved once: the connection goes to an address that was checked, while the
  name stays what TLS asks for (SNI), what the certificate must be valid for, and the Host header;
- directly: no redirects, no proxies of the environment, no unix sockets, no reused connections;
- within a size, counted as it arrives, and a time, counted as a whole, so that neither a bomb nor a drip holds a process.

Errors: `OutgoingRefused` when a rule says no (says which), `OutgoingFailed` when the other side did not answer as it should. Neither
says what a name resolved to: a tenant must not learn this network's addresses. docs/decisions/0015-outgoing-requests.md.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

import httpcore2
import httpx2
import orjson

from .errors import Refused, Unavailable
from .public_addresses import Address, is_loopback, is_name, is_public, literal

#: Whole request: resolving, connecting, TLS, sending, and the answer to its last byte.
TIMEOUT_SECONDS = 10.0
#: A discovery document or a key set is a few kilobytes.
MOST_BYTES = 1_000_000
#: A name with more answers than this is not a provider's.
MOST_ADDRESSES = 32
#: How many of the checked addresses are tried, one after the other.
MOST_TRIES = 3
#: Names resolved at once per process. They have threads of their own: a tenant's dead name server holds up nobody else's work.
RESOLVING_AT_ONCE = 8

#: Resolves a host and port to addresses in text form.
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
Rule: TypeAlias = Literal[
    "url", "userinfo", "scheme", "port", "name", "address", "redirect", "encoding", "size", "time"
]

_SAYS: dict[Rule, str] = {
    "url": "the address is not a valid URL",
    "userinfo": "the address holds a user name or password",
    "scheme": "the address must begin with https://",
    "port": "only port 443 may be asked",
    "name": "the host must be a full domain name or a public IP address in plain notation",
    "address": "the host is not known, or not public",
    "redirect": "the server answers with a redirect; enter the final address",
    "encoding": "the server compresses its answer though it was asked not to",
    "size": "the answer is too large",
    "time": "the server did not answer in time",
}


class OutgoingRefused(Refused):
    """A rule forbids the request, or the rest of its answer. ``rule`` (also in ``data``) says which."""

    def __init__(self, rule: Rule, /) -> None:
        super().__init__("OUTGOING_REFUSED", _SAYS[rule], rule=rule)
        self.rule: Rule = rule


class OutgoingFailed(Unavailable):
    """The other side could not be reached, or its answer is not what was asked for. ``reason`` (also in ``data``) says which."""

    code = "OUTGOING_FAILED"

    def __init__(self, reason: Literal["connection", "certificate", "status", "json"], message: str, /) -> None:
        super().__init__(message, reason=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its body within the limit. Header names are in lower case; of a repeated one the values are joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            OutgoingFailed: it is not JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise OutgoingFailed("json", "the answer is not JSON") from error


class Outgoing:
    """Guarded requests of one process. Safe for many requests at once; close it at the end.

    Args:
        allow_loopback: for development and tests: 127.0.0.0/8 and ::1 may be asked too, by http or https at any port.
        resolver: instead of the operating system's; called once for each request to a name.
        backend: instead of real sockets; is given checked addresses only, never names.
        ssl_context: instead of the machine's certificate authorities (`SSL_CERT_FILE` may name others).
        timeout: seconds for a whole request.
        most_bytes: of a body.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        resolver: Resolver | None = None,
        backend: httpcore2.AsyncNetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT_SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.allow_loopback = allow_loopback
        self.timeout = timeout
        self.most_bytes = most_bytes
        self.backend = backend or httpcore2.AnyIOBackend()
        self._resolver = resolver or self._resolve_by_system
        self._ssl_context = ssl_context
        self._threads = ThreadPoolExecutor(RESOLVING_AT_ONCE, thread_name_prefix="outgoing-names")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Resolve nothing any more. Requests hold their own connections and close them themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def transport(self) -> httpx2.AsyncBaseTransport:
        """A transport under the same rules, for a library that builds its own httpx2 client. Closing it closes nothing shared."""
        return _Guarded(self)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request; `data` is sent as a form. The status is the caller's to judge.

        Raises:
            OutgoingRefused, OutgoingFailed.
        """
        try:
            parsed = httpx2.URL(url)
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise OutgoingRefused("url") from error
        if parsed.scheme in ("http", "https") and not parsed.host:
            raise OutgoingRefused("url")
        async with httpx2.AsyncClient(
            transport=self.transport(), trust_env=False, timeout=None, headers={"user-agent": "Forecourt"}
        ) as client:
            answer = await client.request(method, parsed, headers=headers, content=content, data=data)
        return Answer(answer.status_code, dict(answer.headers), answer.content)

    async def get_json(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """What `url` answers with status 200, as JSON.

        Raises:
            OutgoingRefused, OutgoingFailed.
        """
        answer = await self.request("GET", url, headers={"accept": "application/json", **(headers or {})})
        if answer.status != 200:
            raise OutgoingFailed("status", f"the server answers with status {answer.status}")
        return answer.json()

    def ssl_context(self) -> ssl.SSLContext:
        """How certificates are checked; made when it is first needed."""
        if self._ssl_context is None:
            self._ssl_context = httpcore2.default_ssl_context()
        return self._ssl_context

    async def check(self, url: httpx2.URL) -> list[Address]:
        """The addresses that a request to `url` may connect to, resolved once, all of them checked.

        Raises:
            OutgoingRefused.
        """
        if url.userinfo:
            raise OutgoingRefused("userinfo")
        if url.scheme not in ("https", "http"):
            raise OutgoingRefused("scheme")
        strict = _strict_rule(url)
        if strict is not None and not self.allow_loopback:
            raise OutgoingRefused(strict)
        addresses = await self._addresses(url)
        if self.allow_loopback and all(map(is_loopback, addresses)):
            return addresses
        if strict is not None:
            raise OutgoingRefused(strict)
        if not all(map(is_public, addresses)):
            raise OutgoingRefused("address")
        return addresses

    async def _addresses(self, url: httpx2.URL) -> list[Address]:
        host = url.raw_host.decode("ascii")
        if (written := literal(host)) is not None:
            return [written]
        if not (is_name(host) or (self.allow_loopback and host == "localhost")):
            raise OutgoingRefused("name")
        found = [literal(text) for text in await self._resolver(host, url.port or 443)]
        addresses = [address for address in found if address is not None]
        if not addresses or len(addresses) != len(found) or len(addresses) > MOST_ADDRESSES:
            raise OutgoingRefused("address")
        return addresses

    async def _resolve_by_system(self, host: str, port: int) -> Sequence[str]:
        def ask() -> list[str]:
            return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except (OSError, UnicodeError) as error:
            # The same words as for a private answer: whether an internal name exists is not told either.
            raise OutgoingRefused("address") from error


def _strict_rule(url: httpx2.URL) -> Rule | None:
    """Which rule the URL itself breaks, for everything but loopback."""
    if url.scheme != "https":
        return "scheme"
    return "port" if url.port not in (None, 443) else None


class _Guarded(httpx2.AsyncBaseTransport):
    """One connection pool per request, pinned to the addresses that were checked for it."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        outgoing = self._outgoing
        deadline = asyncio.get_running_loop().time() + outgoing.timeout
        async with contextlib.AsyncExitStack() as stack:
            async with _within(deadline):
                addresses = await outgoing.check(request.url)
                pool = httpcore2.AsyncConnectionPool(
                    ssl_context=outgoing.ssl_context(),
                    max_connections=1,
                    max_keepalive_connections=0,
                    network_backend=_Pinned(outgoing.backend, addresses),
                )
                stack.push_async_callback(pool.aclose)
                answer = await pool.handle_async_request(_as_sent(request, outgoing.timeout))
            stack.push_async_callback(answer.aclose)
            headers = httpx2.Headers(answer.headers)
            _check_head(answer.status, headers, outgoing.most_bytes)
            assert isinstance(answer.stream, AsyncIterable)  # noqa: S101  (an asynchronous pool has no other)
            body = _Body(answer.stream, stack.pop_all(), deadline=deadline, most_bytes=outgoing.most_bytes)
        return httpx2.Response(answer.status, headers=headers, stream=body)


def _as_sent(request: httpx2.Request, timeout: float) -> httpcore2.Request:
    """The request as it goes out: Host is the URL's, no compression is asked for, and no extension of the caller (SNI, target) counts."""
    kept = [(name, value) for name, value in request.headers.raw if name.lower() not in (b"host", b"accept-encoding")]
    url = request.url
    return httpcore2.Request(
        method=request.method,
        url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(b"Host", url.netloc), (b"Accept-Encoding", b"identity"), *kept],
        content=request.stream,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)},
    )


def _check_head(status: int, headers: httpx2.Headers, most_bytes: int) -> None:
    if 300 <= status < 400 and status != 304:
        raise OutgoingRefused("redirect")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise OutgoingRefused("encoding")  # so that no body grows while it is read
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > most_bytes:
        raise OutgoingRefused("size")


class _Body(httpx2.AsyncByteStream):
    """The body as it arrives, until its size or the time of the whole request is used up."""

    def __init__(
        self, parts: AsyncIterable[bytes], close: contextlib.AsyncExitStack, *, deadline: float, most_bytes: int
    ) -> None:
        self._parts = parts
        self._close = close
        self._deadline = deadline
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = aiter(self._parts)
        while True:
            async with _within(self._deadline):
                part = await anext(parts, None)
            if part is None:
                return
            self._left -= len(part)
            if self._left < 0:
                raise OutgoingRefused("size")
            yield part

    async def aclose(self) -> None:
        await self._close.aclose()


@contextlib.asynccontextmanager
async def _within(deadline: float) -> AsyncIterator[None]:
    """Until `deadline` (of the loop's clock), and what goes wrong told as our own errors."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except (TimeoutError, httpcore2.TimeoutException) as error:
        raise OutgoingRefused("time") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        if isinstance(error.__context__, ssl.SSLCertVerificationError):  # the pool raises again "from None"
            raise OutgoingFailed("certificate", "the server's certificate is not accepted") from error
        raise OutgoingFailed("connection", "the server cannot be reached, or does not speak HTTP") from error


class _Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were checked, whatever host it is asked for; there is nothing left to resolve."""

    def __init__(self, inner: httpcore2.AsyncNetworkBackend, addresses: Sequence[Address]) -> None:
        self._inner = inner
        self._addresses = [str(address) for address in addresses[:MOST_TRIES]]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        share = None if timeout is None else timeout / (len(self._addresses) + 1)
        *others, last = self._addresses
        for address in others:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._inner.connect_tcp(address, port, timeout=share)
        return await self._inner.connect_tcp(last, port, timeout=share if others else timeout)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
