"""A browser without windows: cookies by host and port, redirects, pages that move on, forms. Plain HTTP on this machine."""

import re
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2

_MOST_HOPS = 20
#: Everything here is plain http; loading the machine's certificates for each request would take longer than the request.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Form:
    """The first form of a page."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append(Form(given.get("action") or "", (given.get("method") or "get").lower()))
            self.inside = True
        elif tag == "input" and self.inside and given.get("name"):
            self.found[-1].fields[str(given["name"])] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


@dataclass
class Person:
    """Somebody with a browser. `page` is what they see, `visited` every address on the way there."""

    language: str = "en"
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    page: httpx2.Response = field(default_factory=lambda: httpx2.Response(200))
    visited: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return str(self.page.url)

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.page.text)
        return parser.found

    def open(self, url: str, *, site: str = "none", follow: bool = True) -> httpx2.Response:
        """Type an address (or, with ``site``, follow a link from such a place)."""
        return self._go("GET", url, None, site, follow=follow)

    def submit(self, action: str = "", **values: str) -> httpx2.Response:
        """Send the form whose action holds ``action`` (default: the first one), with these values filled in."""
        form = next(item for item in self.forms() if action in item.action)
        content = urlencode(form.fields | values)
        return self._go(form.method.upper(), urljoin(self.url, form.action), content, "same-origin", follow=True)

    def _go(self, method: str, url: str, form: str | None, site: str, *, follow: bool) -> httpx2.Response:
        for _ in range(_MOST_HOPS):
            self.page = self._send(method, url, form, site)
            self.visited.append(url)
            onward = self.onward()
            if not follow or onward is None:
                return self.page
            if urlsplit(onward).netloc != urlsplit(url).netloc:
                site = "cross-site"
            method, url, form = "GET", onward, None
        raise AssertionError(f"never arrives: {self.visited[-3:]}")

    def onward(self) -> str | None:
        """Where the page sends the browser by itself, if anywhere."""
        if 300 <= self.page.status_code < 400:
            return urljoin(self.url, self.page.headers["location"])
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', self.page.text)
        return None if found is None else found[1].replace("&amp;", "&")

    def _send(self, method: str, url: str, form: str | None, site: str) -> httpx2.Response:
        host = urlsplit(url).netloc
        kept = self.cookies.setdefault(host, {})
        headers = {"Accept": "text/html", "Accept-Language": self.language, "Sec-Fetch-Site": site}
        if kept:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = httpx2.request(method, url, content=form, headers=headers, trust_env=False, timeout=60, verify=_NO_TLS)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                gone = morsel["max-age"] == "0" or "1970" in morsel["expires"]
                if gone:
                    kept.pop(name, None)
                else:
                    kept[name] = morsel.coded_value
        return answer
