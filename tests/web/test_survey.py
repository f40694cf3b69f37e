"""The public survey page, over a desk in memory: what people see, and what an attacker does not."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from forecourt.domain.surveys.answer_rules import Form, read_form
from forecourt.domain.surveys.answering import CLOSED, DONE, EXPIRED, OPEN, PROBLEMS, Sheet
from forecourt.domain.surveys.seed_templates import PURCHASE, SEEDS
from forecourt.domain.surveys.templates import Kind, Option, Question, Questionnaire, Words
from forecourt.errors import NotFound, Unavailable
from forecourt.web.survey import SheetOf, SurveyPages
from tests.domain.surveys.test_answer_rules import FULL

TOKEN = "Zm9yZWNvdXJ0LXN1cnZleQ"
URL = f"/s/store1/{TOKEN}"


class MemoryDesk:
    """One invitation of one store."""

    def __init__(self, questionnaire: Questionnaire = PURCHASE) -> None:
        self.questionnaire = questionnaire
        self.status = OPEN
        self.answers: dict[str, dict[str, Any]] = {}
        self.opted_out = False
        self.forms: list[Form] = []

    def _known(self, store: str, token: str) -> None:
        if store == "down":
            raise Unavailable("away")
        if (store, token) != ("store1", TOKEN):
            raise NotFound("invitation")

    async def load(self, store_public_id: str, token: str) -> SheetOf:
        self._known(store_public_id, token)
        return SheetOf("和美汽车<一店>", Sheet(self.status, "T1", self.questionnaire, self.answers))

    async def submit(self, store_public_id: str, token: str, form: Form, *, language: str) -> SheetOf:
        self._known(store_public_id, token)
        self.forms.append(form)
        reading = read_form(self.questionnaire, form)
        self.answers = reading.answers
        self.status = OPEN if reading.problems else DONE
        status = PROBLEMS if reading.problems else DONE
        return SheetOf("和美汽车<一店>", Sheet(status, "T1", self.questionnaire, reading.answers, reading.problems))

    async def opt_out(self, store_public_id: str, token: str, *, language: str) -> str:
        self._known(store_public_id, token)
        self.opted_out = True
        return "和美汽车<一店>"


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def client_of(desk: MemoryDesk, **rates: int) -> TestClient:
    return TestClient(Starlette(routes=list(SurveyPages(desk, **rates).routes())), follow_redirects=False)


@pytest.fixture
def client(desk: MemoryDesk) -> TestClient:
    return client_of(desk, address_rate=1000, token_rate=1000)


class Page(HTMLParser):
    """Controls with their labels, and every address on the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_says_who_asks_and_why_in_the_language_of_the_reader(client: TestClient) -> None:
    chinese = client.get(URL)
    assert chinese.status_code == 200
    assert 'lang="zh-CN"' in chinese.text and "为什么问您" in chinese.text and PURCHASE.purpose.zh in chinese.text
    assert "和美汽车&lt;一店&gt;" in chinese.text
    english = client.get(URL, headers={"Accept-Language": "fr, en-GB;q=0.8, zh;q=0.2"})
    assert 'lang="en"' in english.text and "Why we ask" in english.text
    switched = client.get(f"{URL}?lang=zh-CN", headers={"Accept-Language": "en"})
    assert 'lang="zh-CN"' in switched.text
    assert client.get(URL, headers={"Accept-Language": "en;q=x, ;;,zh;q=0"}).status_code == 200


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.code)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_control_has_a_label_and_nothing_is_loaded_from_elsewhere(seed: Questionnaire, language: str) -> None:
    page = client_of(MemoryDesk(seed)).get(f"{URL}?lang={language}")
    parsed = Page(page.text)
    assert parsed.all("script") == parsed.all("link") == parsed.all("img") == []
    assert not any(name.startswith("on") for _, attrs in parsed.tags for name in attrs)
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = {attrs.get("for") for attrs in parsed.all("label")}
    wrapped = len([attrs for attrs in parsed.all("label") if "choice" in (attrs.get("class") or "")])
    boxes = [attrs for attrs in parsed.all("input") if attrs["type"] in ("radio", "checkbox")]
    assert wrapped == len(boxes)
    for attrs in parsed.all("textarea"):
        assert attrs["id"] in labelled
    for question in seed.questions:
        assert question.text.in_language(language) in page.text.replace("&#39;", "'")
    assert len(parsed.all("legend")) == len(parsed.all("fieldset"))
    for attrs in parsed.all("a") + parsed.all("form"):
        assert (attrs.get("href") or attrs.get("action") or "").startswith("/s/")


def test_headers_are_strict_and_the_style_is_named_by_its_hash(client: TestClient) -> None:
    page = client.get(URL)
    policy = page.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    for response in (page, client.post(URL), client.get("/s/x/y"), client.get(f"{URL}/stop")):
        assert "set-cookie" not in response.headers
        assert "content-security-policy" in response.headers
    assert TOKEN not in re.sub(r'(action|href)="[^"]*"', "", page.text)


def test_a_full_form_is_taken_and_a_reload_sends_nothing_twice(client: TestClient, desk: MemoryDesk) -> None:
    sent = client.post(URL, data=FULL)
    assert sent.status_code == 303 and sent.headers["location"] == f"{URL}?lang=zh-CN"
    assert "谢谢您" in client.get(sent.headers["location"]).text
    assert len(desk.forms) == 1


def test_what_is_missing_is_shown_and_what_was_given_is_kept(client: TestClient, desk: MemoryDesk) -> None:
    page = client.post(f"{URL}?lang=en", data={"overall": "2", "comment": "太慢</textarea><script>alert(1)</script>"})
    assert page.status_code == 422
    parsed = Page(page.text)
    chosen = [attrs["id"] for attrs in parsed.all("input") if "checked" in attrs]
    assert chosen == ["q-overall-2"]
    assert parsed.all("script") == [] and "太慢&lt;/textarea&gt;" in page.text
    assert 'role="alert"' in page.text and "Please answer this question." in page.text
    wrong = [attrs["id"] for attrs in parsed.all("fieldset") if "wrong" in (attrs["class"] or "")]
    assert "q-recommend" in wrong and "q-overall" not in wrong
    assert "q-repair_time" not in wrong  # was not asked
    again = client.get(URL)
    assert 'id="q-overall-2" name="overall" value="2" checked' in again.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"overall=5&" * 300, "application/x-www-form-urlencoded"),
        (b"a" * 70_000, "application/x-www-form-urlencoded"),
        (b"\xff\xfe%zz=%", "application/x-www-form-urlencoded"),
        (b'{"overall": 5}', "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_what_is_no_form_is_an_empty_one(client: TestClient, content: bytes, kind: str) -> None:
    response = client.post(URL, content=content, headers={"Content-Type": kind})
    assert response.status_code == 422


def test_wrong_and_foreign_look_alike(client: TestClient) -> None:
    pages = [
        client.get(url) for url in (f"/s/store2/{TOKEN}", "/s/store1/wrong", "/s/nobody/%00", f"/s/store1/{'x' * 500}")
    ]
    assert {page.status_code for page in pages} == {404}

    def bare(text: str) -> str:
        return re.sub(r'href="[^"]*"', "", text)

    assert len({bare(page.text) for page in pages}) == 1
    assert "没有找到这份调查" in pages[0].text


@pytest.mark.parametrize(
    ("status", "code", "text"), [(EXPIRED, 410, "已经结束"), (CLOSED, 410, "已经关闭"), (DONE, 200, "谢谢您")]
)
def test_an_ended_survey_gives_a_friendly_page(
    client: TestClient, desk: MemoryDesk, status: str, code: int, text: str
) -> None:
    desk.status = status
    page = client.get(URL)
    assert (page.status_code, text in page.text) == (code, True)
    assert "<form" not in page.text


def test_opting_out_takes_a_click_and_a_look_changes_nothing(client: TestClient, desk: MemoryDesk) -> None:
    assert f"{URL}/stop" in client.get(URL).text
    assert client.get(f"{URL}/stop").status_code == 200
    assert not desk.opted_out
    done = client.post(f"{URL}/stop?lang=en")
    assert desk.opted_out and "You will not receive" in done.text


def test_a_store_that_is_away_asks_for_patience(client: TestClient) -> None:
    page = client.get(f"/s/down/{TOKEN}")
    assert (page.status_code, page.headers["retry-after"]) == (503, "60")
    assert "请稍后再试" in page.text


def test_a_token_and_an_address_may_ask_only_so_often(desk: MemoryDesk) -> None:
    by_token = client_of(desk, address_rate=1000, token_rate=3)
    assert [by_token.get(URL).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert by_token.get("/s/store1/other").status_code == 404
    by_address = client_of(desk, address_rate=3, token_rate=1000)
    answers = [by_address.get(f"/s/store1/guess{number}") for number in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_the_logic_works_without_a_script(client: TestClient) -> None:
    page = client.get(URL).text
    assert "form:not(:has(#q-serviced-yes:checked)) #q-repair_time{display:none}" in page


def test_every_kind_of_question_can_be_shown_and_answered() -> None:
    text = Words("问", "Question")
    options = tuple(Option(value, Words(value, value)) for value in ("a", "b"))
    questions = tuple(
        Question(f"k{number}", kind, text, options=options if kind in (Kind.SINGLE, Kind.MULTI) else ())
        for number, kind in enumerate(Kind)
    )
    every = Questionnaire("T9", text, text, "BUYER", "CS_MANAGER", questions, scored=False)
    client = client_of(MemoryDesk(every))
    assert client.get(URL).status_code == 200
    values = {
        "MULTI": "a",
        "SINGLE": "b",
        "NUMBER": "3.5",
        "DATE": "2026-09-30",
        "TEXT": "x",
        "CONSENT": "yes",
        "YESNO": "no",
    }
    form = {question.key: values.get(question.kind, "5") for question in questions}
    assert (
        client.post(
            URL, content=urlencode(form), headers={"Content-Type": "application/x-www-form-urlencoded"}
        ).status_code
        == 303
    )
