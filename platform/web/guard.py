"""What every answer to a browser carries, and which requests are refused before a page sees them.

Cross-site request forgery: a request that may change something must come from our own pages. Browsers say so in
``Sec-Fetch-Site`` (Fetch Metadata); one that is too old to do so sends ``Origin``, which must be this host. A request with
neither is refused.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: No inline script or style, nothing from elsewhere, never in a frame.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def from_own_page(headers: Headers) -> bool:
    """Does a request that may change something come from a page of this host?"""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    # Only host and port: behind a proxy that ends TLS the scheme is not ours to see.
    return origin is not None and urlsplit(origin).netloc != "" and urlsplit(origin).netloc == headers.get("host")


class Guard:
    """ASGI middleware around the staff pages: the forgery guard, and the headers above. Pages are never stored by caches.

    ``refused`` answers instead of ``app`` when a request comes from elsewhere.
    """

    def __init__(self, app: ASGIApp, refused: ASGIApp) -> None:
        self.app = app
        self.refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        allowed = scope["method"] in SAFE_METHODS or from_own_page(Headers(scope=scope))
        await (self.app if allowed else self.refused)(scope, receive, sending)
