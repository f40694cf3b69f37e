"""Both languages are complete, say the same thing with the same holes, and are chosen by the reader."""

import re
import string
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from jinja2 import Environment, nodes

from forecourt.auth.local_model import OUTCOMES
from forecourt.auth.model import SIGN_IN_METHODS
from forecourt.auth.oidc.findings import Severity
from forecourt.auth.oidc.mapping import CLAIMS
from forecourt.auth.oidc.model import PROVIDER_STATES
from forecourt.auth.roles import ROLES
from forecourt.domain.benchmark.funnel import Verdict
from forecourt.domain.evaluation.kpi_catalogue import KPIS
from forecourt.domain.evaluation.model import ENTRY_STATES, RUN_STATES
from forecourt.web.identity import FIELDS as IDENTITY_FIELDS
from forecourt.web.language import LANGUAGES, choose_language, load_catalogue
from forecourt.web.render import render
from forecourt.web.sso import KINDS
from forecourt.web.stores import KPI_GROUPS

WEB = Path(__file__).parent.parent.parent / "platform" / "web"
OPTIONS = {"silent": "false", "newstyle_gettext": "true"}
#: Code families whose members other floors decide.
FAMILIES = {
    "kpi": [*KPIS, "F01"],
    "meaning": [*KPIS, "F01"],
    "kpigroup": list(KPI_GROUPS),
    "role": list(ROLES),
    "verdict": [item.value for item in Verdict],
    "run": list(RUN_STATES),
    "entry": list(ENTRY_STATES),
    "cause": ["DIRECT", "JOINT", "REVERSAL"],
    "appeal": ["SUBMITTED", "UPHELD", "DENIED"],
    "card": ["PASS", "FAIL", "NO_DATA"],
    "close": ["WAITING", "RUNNING", "DONE", "FAILED", "MISSING"],
    "missing": ["NO_EXPORT", "REFUSED", "TIMEOUT"],
    "rule": ["D-Q", "D-CALL", "D-CMP", "D-CMP-J"],
    "ruletext": ["D-Q", "D-CALL", "D-CMP", "D-CMP-J"],
    "record": ["ATTENDANCE", "CALL", "COMPLAINT", "REPAIR_ORDER", "SALES_ORDER", "SURVEY", "TARGET"],
    "category": ["SATISFACTION", "REPAIR_EFFICIENCY", "PARTS", "SERVICE_EFFICIENCY", "REVENUE"],
    "scheme": ["SALES-24H", "SALES-2H"],
    "standing": ["FIRST_QUARTER", "LAST_QUARTER"],
    "method": list(SIGN_IN_METHODS),
    "outcome": list(OUTCOMES),
    "done": [
        *("approved", "published", "decided", "appealed", "delegated", "ended"),
        *("language", "password", "session-ended", "sessions-ended", "token-ended", "factor-removed"),
        "provider-made",
        *(f"provider-{wish}" for wish in ("save", "secret", "activate", "disable", "add-domain", "remove-domain")),
    ],
    "refusal": [
        *("DIFFERENT", "WEAK_PASSWORD", "SAME_PASSWORD", "WRONG_PASSWORD", "WRONG_CODE"),
        *("NO_SECOND_FACTOR", "SECOND_FACTOR_REQUIRED"),
        "STALE_VERSION",
        "WRONG_STATE",
        "PROVISIONAL",
        "OWN_RESULT",
        "SAME_PERSON",
        "EMPTY_TEXT",
        "ALREADY_APPEALED",
        "OWN_ACCOUNT",
        "MEMBERSHIP_EXISTS",
        "CHAIN",
        "UNDELEGABLE",
        "REASON_NEEDED",
        "NO_EMPLOYEE",
    ],
    "claim": list(CLAIMS),
    "identityfield": list(IDENTITY_FIELDS),
    "identityhint": list(IDENTITY_FIELDS),
    "provider": list(PROVIDER_STATES),
    "severity": [item.value for item in Severity],
    "ssoproblem": list(KINDS),
    "ssoadvice": list(KINDS),
    "problem": ["not-found", "forbidden", "view-only", "throttled", "unavailable", "failed"],
    "advice": ["not-found", "forbidden", "view-only", "throttled", "unavailable", "failed"],
}


def wanted() -> set[str]:
    """Every message the pages can ask for."""
    found = {f"{family}.{code}" for family, codes in FAMILIES.items() for code in codes}
    for _, _, message, _, _ in extract_from_dir(WEB / "templates", [("**.html", "jinja2")], {"**.html": OPTIONS}):
        found.add(message[0] if isinstance(message, tuple) else message)
    return found


def key(message: object) -> str:
    """The key of a message with or without plural."""
    return str(message[0] if isinstance(message, tuple | list) else message)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_a_text_for_every_message_and_none_too_many(language: str) -> None:
    catalogue = {key(message.id): message for message in load_catalogue(language) if message.id}
    assert wanted() - catalogue.keys() == set()
    for name, message in catalogue.items():
        texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert texts, name
        assert all(text.strip() for text in texts), name
        assert not message.fuzzy, name
    unknown = {name for name in catalogue.keys() - wanted() if name.split(".")[0] not in {*FAMILIES, "part", "error"}}
    assert unknown == set()


def test_both_languages_have_the_same_messages_and_holes() -> None:
    chinese, english = ({key(m.id): m for m in load_catalogue(tag) if m.id} for tag in ("zh-CN", "en"))
    assert chinese.keys() == english.keys()
    for name in chinese:
        texts = [key(book[name].string) for book in (chinese, english)]
        holes = [set(re.findall(r"%\((\w+)\)s", text)) for text in texts]
        assert holes[0] == holes[1], name


def test_no_chinese_in_the_english_texts_and_no_english_sentence_in_the_chinese() -> None:
    for message in load_catalogue("en"):
        assert not re.search(r"[\u4e00-\u9fff]", str(message.string)), message.id
    for message in load_catalogue("zh-CN"):
        if message.id and key(message.string) != "n < 30":
            assert re.search(r"[\u4e00-\u9fff]|^/ ", key(message.string)), message.id


def test_templates_hold_no_words_outside_of_messages() -> None:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    allowed = {"Forecourt", "n", "x", "h", "min"}
    for path in (WEB / "templates").rglob("*.html"):
        if "survey" in path.parts:
            continue
        tree = environment.parse(path.read_text(encoding="utf-8"))
        text = "".join(item.data for item in tree.find_all(nodes.TemplateData))
        text = re.sub(r"<!--.*?-->|<[^>]*>|&\w+;", " ", text, flags=re.DOTALL)
        text = re.sub(r"<[^>]*$", " ", text)
        assert "中文" in text or not re.search(r"[\u4e00-\u9fff]", text), path
        # A word between tags that is neither a name nor inside a tag cut by an expression.
        sentences = [part for part in re.findall(r"[A-Z][a-z]+ [a-z]+ [a-z]+", text) if part not in allowed]
        assert sentences == [], path


@pytest.mark.parametrize(
    ("cookie", "own", "accept", "gives"),
    [
        ("en", "zh-CN", "zh", "en"),
        (None, "zh-CN", "en", "zh-CN"),
        ("fr", None, "fr, en;q=0.5", "en"),
        (None, None, "zh-TW,en", "zh-CN"),
        (None, None, None, "zh-CN"),
        ("../../etc/passwd", "x", string.printable * 50, "zh-CN"),
    ],
)
def test_the_reader_chooses_the_language(cookie: str | None, own: str | None, accept: str | None, gives: str) -> None:
    assert choose_language(cookie=cookie, own=own, accept=accept) == gives


def test_an_unknown_code_is_shown_as_it_is() -> None:
    class Nobody:
        session = None
        gaps: tuple[()] = ()
        places: tuple[()] = ()
        here = "/"
        request_id = ""

        class request:
            method = "GET"

    assert "gone-fishing" in render("error.html", "en", visit=Nobody(), f=None, kind="gone-fishing")
