"""The public survey page 满意度调查页面: for whoever holds a link, on a telephone, without a script and without a cookie.

    GET  /s/{store}/{token}        the questions; thanks, when they were answered; a friendly page otherwise
    POST /s/{store}/{token}        takes the answers; what is missing is shown with the answers kept
    GET  /s/{store}/{token}/stop   asks whether one wants no more surveys (a mail scanner follows links, so GET changes nothing)
    POST /s/{store}/{token}/stop   withdraws the consent

A wrong token, one of another store and an unknown store look alike. The page sets no cookie, so a foreign site has nothing
to borrow, and a form needs no further token. It loads nothing from elsewhere; its one style sheet is inside the page, named
in the policy by its hash.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ..domain.surveys.answer_rules import Form, form_values
from ..domain.surveys.answering import CLOSED, DONE, EXPIRED, OPEN, PROBLEMS, Sheet
from ..domain.surveys.templates import SCALES, Kind, Question, Questionnaire
from ..errors import ForecourtError, NotFound, Throttled
from .ratelimit import Buckets
from .survey_words import LABELS, SCALE_WORDS, WORDS

MAX_BODY = 64 * 1024
MAX_FIELDS = 200
LANGUAGES = ("zh-CN", "en")


@dataclass(frozen=True, slots=True)
class SheetOf:
    """A sheet and the name of the store that asks."""

    store_name: str
    sheet: Sheet


class SurveyDesk(Protocol):
    """What the page needs. Every method raises `NotFound` alike for an unknown store and an unknown or foreign token."""

    async def load(self, store_public_id: str, token: str) -> SheetOf:
        """What to show; the first look is noted."""

    async def submit(self, store_public_id: str, token: str, form: Form, *, language: str) -> SheetOf:
        """Take the answers: DONE, or PROBLEMS with what was understood."""

    async def opt_out(self, store_public_id: str, token: str, *, language: str) -> str:
        """Withdraw the consent to be surveyed; the store's name."""


class SurveyPages:
    """The pages over a desk. `address_rate`, `token_rate`: requests a minute from one address, with one token."""

    def __init__(self, desk: SurveyDesk, *, address_rate: int = 60, token_rate: int = 20) -> None:
        self._desk = desk
        self._addresses = Buckets(burst=address_rate, per_minute=address_rate)
        self._tokens = Buckets(burst=token_rate, per_minute=token_rate)
        folder = Path(__file__).parent / "templates" / "survey"
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._style = (folder / "survey.css").read_text(encoding="utf-8")

    def routes(self) -> list[Route]:
        """Routes for the application."""
        return [
            Route("/s/{store}/{token}", self.survey, methods=["GET", "POST"]),
            Route("/s/{store}/{token}/stop", self.stop, methods=["GET", "POST"]),
        ]

    async def survey(self, request: Request) -> Response:
        """The questions, and the answers to them."""
        language = choose_language(request)
        store, token = request.path_params["store"], request.path_params["token"]
        try:
            self._limit(request, token)
            if request.method == "POST":
                form = await read_body(request)
                found = await self._desk.submit(store, token, form, language=language)
                if found.sheet.status == DONE:
                    # Reloading the page after this sends nothing twice.
                    return self._secured(RedirectResponse(self._here(request, language), status_code=303))
            else:
                found = await self._desk.load(store, token)
        except ForecourtError as error:
            return self._trouble(request, error, language)
        return self._sheet(request, found, language)

    async def stop(self, request: Request) -> Response:
        """Opting out."""
        language = choose_language(request)
        store, token = request.path_params["store"], request.path_params["token"]
        try:
            self._limit(request, token)
            if request.method == "POST":
                name = await self._desk.opt_out(store, token, language=language)
                return self._page(request, "stopped.html", language, store_name=name)
            found = await self._desk.load(store, token)
        except ForecourtError as error:
            return self._trouble(request, error, language)
        return self._page(request, "stop.html", language, store_name=found.store_name)

    def _limit(self, request: Request, token: str) -> None:
        address = request.client.host if request.client else "unknown"
        self._addresses.take(address)
        # Kept by its hash: what waits in memory is no list of links.
        self._tokens.take(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest())

    def _sheet(self, request: Request, found: SheetOf, language: str) -> Response:
        sheet, name = found.sheet, found.store_name
        if sheet.status == DONE:
            return self._page(request, "thanks.html", language, store_name=name)
        if sheet.status in (EXPIRED, CLOSED) or sheet.questionnaire is None:
            page = "expired.html" if sheet.status == EXPIRED else "closed.html"
            return self._page(request, page, language, status=410, store_name=name)
        assert sheet.status in (OPEN, PROBLEMS)  # noqa: S101  (the only others)
        return self._page(
            request,
            "survey.html",
            language,
            status=422 if sheet.problems else 200,
            store_name=name,
            questionnaire=sheet.questionnaire,
            asked=[view(question, sheet, language) for question in sheet.questionnaire.questions],
            extra_style=conditional_style(sheet.questionnaire),
        )

    def _trouble(self, request: Request, error: ForecourtError, language: str) -> Response:
        if isinstance(error, NotFound):
            return self._page(request, "wrong.html", language, status=404)
        if isinstance(error, Throttled):
            response = self._page(request, "busy.html", language, status=429)
            response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
            return response
        response = self._page(request, "busy.html", language, status=503)
        response.headers["Retry-After"] = "60"
        return response

    def _page(self, request: Request, template: str, language: str, *, status: int = 200, **data: Any) -> Response:
        style = self._style + data.pop("extra_style", "")
        other = "en" if language == "zh-CN" else "zh-CN"
        html = self._templates.get_template(template).render(
            data,
            language=language,
            words=WORDS[language],
            style=style,
            here=self._here(request, language),
            other_language=self._here(request, other),
            stop=self._here(request, language, "/stop"),
        )
        return self._secured(Response(html, status_code=status, media_type="text/html; charset=utf-8"), style)

    def _here(self, request: Request, language: str, suffix: str = "") -> str:
        """This survey's address with the language as its only query; path parts are those that were routed."""
        parts = request.url.path.split("/")[:4]
        return f"{'/'.join(parts)}{suffix}?lang={language}"

    def _secured(self, response: Response, style: str | None = None) -> Response:
        styles = f"'sha256-{_digest(style)}'" if style is not None else "'none'"
        response.headers.update(
            {
                "Content-Security-Policy": (
                    f"default-src 'none'; style-src {styles}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
                ),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Robots-Tag": "noindex, nofollow, noarchive",
                "Cache-Control": "no-store",
                "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Vary": "Accept-Language",
            }
        )
        return response


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def choose_language(request: Request) -> str:
    """The language of the switch (``?lang=``), else the first of Accept-Language that we speak, else Chinese."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return asked
    wanted: list[tuple[float, int, str]] = []
    for at, part in enumerate(request.headers.get("accept-language", "")[:500].split(",")[:20]):
        tag, _, weight = part.strip().lower().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        language = "zh-CN" if tag.startswith("zh") else "en" if tag.startswith("en") else None
        if language and 0 < quality <= 1:
            wanted.append((-quality, at, language))
    return min(wanted)[2] if wanted else "zh-CN"


async def read_body(request: Request) -> Form:
    """The posted form. Too much, or what is no form, counts as an empty one: the page then says what is missing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return {}
    except ClientDisconnect:
        return {}
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}


def view(question: Question, sheet: Sheet, language: str) -> Mapping[str, Any]:
    """A question as the template needs it: texts in the language, choices with what was chosen."""
    chosen = form_values(sheet.answers.get(question.key))
    choices: list[tuple[str, str]] = []
    if question.kind in SCALE_WORDS:
        choices = [(value, words[language]) for value, words in SCALE_WORDS[question.kind]]
    elif question.kind in SCALES:
        low, high = SCALES[question.kind]
        choices = [(str(value), str(value)) for value in range(low, high + 1)]
    elif question.kind is Kind.YESNO:
        choices = [("yes", WORDS[language]["yes"]), ("no", WORDS[language]["no"])]
    else:
        choices = [(option.value, option.text.in_language(language)) for option in question.options]
    condition = question.show_if
    problem = sheet.problems.get(question.key)
    return {
        "key": question.key,
        "kind": str(question.kind),
        "text": question.text.in_language(language),
        "hint": question.hint.in_language(language) if question.hint else None,
        "required": question.required,
        "na": question.na_allowed,
        "choices": choices,
        "chosen": chosen,
        "problem": LABELS[language][problem] if problem else None,
        "only_if": bool(condition),
        "wide": question.kind in SCALES and question.kind not in SCALE_WORDS,
    }


def conditional_style(questionnaire: Questionnaire) -> str:
    """CSS that hides a question until its condition holds. A browser without :has() shows it, with a note."""
    rules = []
    for question in questionnaire.questions:
        if question.show_if is not None:
            met = ",".join(f"#q-{question.show_if.question}-{value}:checked" for value in question.show_if.any_of)
            rules.append(f"form:not(:has({met})) #q-{question.key}{{display:none}}")
    return "".join(f"@supports selector(:has(a)){{{rule}}}" for rule in rules)
