"""The authorization server over HTTP: who gets a token, what is said to whom does not, and that nothing is used twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.datastructures import URL

from forecourt.auth.oauth.clients import MadeClient
from forecourt.auth.oauth.core import Outcome
from forecourt.auth.oauth.keys import NO_GROUP, PURPOSE, rotate_keys
from forecourt.auth.oauth.model import SECRET_BASIC
from forecourt.auth.oauth.scopes import FOR_PROGRAMS
from forecourt.auth.oauth.service import FAILURE_KEPT, FetchedKeys, forget_ended
from forecourt.domain.clients import actions
from forecourt.errors import Unavailable
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.session import control_session
from forecourt.web import oauth as door
from forecourt.web.ratelimit import Buckets
from tests.conftest import World
from tests.programs import ENDPOINT, ISSUER, Programs, encoded, hs256, new_key, open_programs, part, public

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
async def programs(world: World, engines: Engines) -> AsyncIterator[Programs]:
    async with open_programs(world, engines) as opened:
        yield opened


async def test_a_token_by_secret(programs: Programs) -> None:
    made = await programs.register("sales:order:read", "tenancy:group:read")
    answer = await programs.ask_token(made)
    body = answer.json()
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 1800)
    assert body["scope"] == "sales:order:read tenancy:group:read"
    header, claims = part(body["access_token"], 0), part(body["access_token"], 1)
    assert header.keys() == {"alg", "typ", "kid"} and (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    issued = int(programs.clock.at.timestamp())
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "sub": made.client_id,
        "aud": f"{ISSUER}/graphql",
        "client_id": made.client_id,
        "group": str(programs.world.groups["a"].id),
        "generation": 1,
        "scope": body["scope"],
        "iat": issued,
        "exp": issued + 1800,
    }
    published = (await programs.http.get("/oauth/jwks")).json()
    decoded = jwt.decode(body["access_token"], KeySet.import_key_set(published), algorithms=["ES256"])
    assert decoded.claims["client_id"] == made.client_id


async def test_a_program_is_somebody_at_the_api(programs: Programs) -> None:
    made = await programs.register("sales:order:read", "tenancy:group:read")
    found = await programs.data(await programs.token(made))
    assert found["viewer"] == {
        "name": "数据中台",
        "key": f"client:{made.client_id}",
        "memberships": [{"role": "CLIENT", "storeCode": "a1"}],
        "permissions": [],
    }
    assert [edge["node"]["code"] for edge in found["group"]["stores"]["edges"]] == ["a1"]
    everywhere = await programs.register("sales:order:read", stores=None)
    found = await programs.data(await programs.token(everywhere))
    assert found["viewer"]["memberships"] == [{"role": "CLIENT", "storeCode": None}]
    assert found["viewer"]["permissions"] == [{"name": "sales:order:read"}]
    assert [edge["node"]["code"] for edge in found["group"]["stores"]["edges"]] == ["a1", "a2"]


async def test_scope_narrows_and_never_widens(programs: Programs) -> None:
    made = await programs.register("sales:order:read", "customers:customer:read")
    narrow = await programs.ask_token(made, scope="sales:order:read")
    assert narrow.json()["scope"] == "sales:order:read"
    customers = '{ store(code: "a1") { customers { totalCount } } }'
    assert (await programs.graphql(await programs.token(made), customers)).json()["data"]["store"]["customers"]
    refused = (await programs.graphql(narrow.json()["access_token"], customers)).json()
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    for scope in (
        "evaluation:run:approve",
        "sales:order:read evaluation:run:read",
        "x",
        "sales:order:read  ",
        "é",
        '"',
    ):
        answer = await programs.ask_token(made, scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope


async def test_every_failure_to_prove_oneself_looks_the_same(programs: Programs) -> None:
    made, signs = await programs.register(), await programs.register(key=new_key())
    disabled, ended = (
        await programs.register(),
        await programs.register(expires_at=programs.clock.at + timedelta(hours=1)),
    )
    async with programs.work() as work:
        await actions.disable_client(work, disabled.id)
    programs.pass_time(hours=2)
    ghost = MadeClient(made.id, "fci_" + "0" * 24, made.secret)
    post, answers = programs.post, []
    answers.append(await post("/oauth/token", GRANT, made, secret="fcs_wrong"))
    answers.append(await post("/oauth/token", GRANT, ghost))
    answers.append(await post("/oauth/token", GRANT, disabled))
    answers.append(await post("/oauth/token", GRANT, ended))
    answers.append(await post("/oauth/token", GRANT, signs, secret="x"))
    answers.append(await post("/oauth/token", GRANT))
    answers.append(await post("/oauth/token", GRANT | {"client_id": "fci_other"}, made))
    answers.append(await post("/oauth/token", GRANT | programs.proof(signs, key=new_key())))
    answers.append(await post("/oauth/token", GRANT | programs.proof(made, key=new_key())))
    answers.append(await post("/oauth/token", GRANT | programs.proof(ghost, key=new_key())))
    answers.append(await post("/oauth/introspect", {"token": "x"}, ghost))
    answers.append(await post("/oauth/revoke", {"token": "x"}, ghost))
    for header in ("Basic", "Basic !", "Basic eA==", "Basic " + "A" * 5000, "Bearer x", "Basic \u00e9"):
        answers.append(
            await programs.http.post("/oauth/token", data=GRANT, headers={b"Authorization": header.encode()})
        )
    said = {"error": "invalid_client", "error_description": "Client authentication failed."}
    for number, answer in enumerate(answers):
        assert (answer.status_code, answer.json()) == (401, said), number
        assert answer.headers["www-authenticate"] == 'Basic realm="forecourt"'
        assert answer.headers["cache-control"] == "no-store"


async def test_a_request_that_is_none(programs: Programs) -> None:
    made = await programs.register()
    assert made.secret is not None
    post = programs.http.post
    auth = (made.client_id, made.secret.clear)
    form = "application/x-www-form-urlencoded"
    wrong: list[tuple[Any, str]] = [
        (await post("/oauth/token", data={"grant_type": "password"}, auth=auth), "unsupported_grant_type"),
        (await post("/oauth/token", data={"grant_type": "refresh_token"}, auth=auth), "unsupported_grant_type"),
        (await post("/oauth/token", data={"scope": "x"}, auth=auth), "invalid_request"),
        (await post("/oauth/token", json=GRANT, auth=auth), "invalid_request"),
        (await post("/oauth/token?grant_type=client_credentials", data=GRANT, auth=auth), "invalid_request"),
        (await post("/oauth/token", data=GRANT | {"resource": "https://elsewhere"}, auth=auth), "invalid_target"),
        (await post("/oauth/introspect", data={"x": "y"}, auth=auth), "invalid_request"),
        (await post("/oauth/revoke", data={"token": ""}, auth=auth), "invalid_request"),
        (await post("/oauth/token", data=GRANT | {"client_assertion": "x"}, auth=auth), "invalid_request"),
    ]
    for body in (
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"\xff\xfe",
        b"a=%ff",
        b"&".join([b"a=b"] * 50),
    ):
        wrong.append(
            (await post("/oauth/token", content=body, auth=auth, headers={"content-type": form}), "invalid_request")
        )
    for answer, code in wrong:
        assert (answer.status_code, answer.json()["error"]) == (400, code), answer.text
        assert answer.headers["cache-control"] == "no-store"
    large = await post("/oauth/token", content=b"a=" + b"x" * 20_000, headers={"content-type": form})
    assert (large.status_code, large.json()["error"]) == (413, "invalid_request")
    assert (await programs.http.get("/oauth/token")).status_code == 405
    posted = await post("/oauth/token", data=GRANT | {"client_id": auth[0], "client_secret": auth[1]})
    assert (posted.status_code, posted.json()["error"]) == (401, "invalid_client")
    assert "Authorization header" in posted.json()["error_description"]
    right = await post("/oauth/token", data=GRANT | {"resource": f"{ISSUER}/graphql", "client_id": auth[0]}, auth=auth)
    assert right.status_code == 200


async def test_a_body_that_does_not_come(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "SOON", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"grant_type="
        await asyncio.sleep(1)
        yield b"client_credentials"

    class Stream:
        """A request whose body drips."""

        def __init__(self) -> None:
            self.headers = {"content-type": door.FORM}
            self.url = URL("/oauth/token")

        def stream(self) -> AsyncIterator[bytes]:
            return slowly()

    found = await door._form(Stream())  # type: ignore[arg-type]  # all that is asked of a request
    assert isinstance(found, Outcome) and found.status == 408


async def test_a_token_by_assertion(programs: Programs) -> None:
    rsa = RSAKey.generate_key(2048, parameters={"kid": "r", "alg": "PS256"}, private=True)
    for key in (new_key(), rsa):
        made = await programs.register(key=key)
        for audience in (ISSUER, ENDPOINT, [ISSUER]):
            answer = await programs.post("/oauth/token", GRANT | programs.proof(made, aud=audience))
            assert answer.status_code == 200, answer.text
    assert (await programs.data(answer.json()["access_token"]))["viewer"]["key"] == f"client:{made.client_id}"


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"aud": f"{ISSUER}/graphql"}, "aud"),
        ({"aud": f"{ISSUER}/"}, "aud"),
        ({"aud": [ISSUER, "https://evil.example"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"iss": "somebody"}, "iss"),
        ({"exp": 0}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"exp": 10**30}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": 1_789_013_000 + 86_400}, "5 minutes"),
        ({"iat": 1_889_013_000}, "iat"),
        ({"nbf": 1_889_013_000}, "nbf"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 5}, "jti"),
        ({"jti": "x" * 300}, "jti"),
    ],
)
async def test_an_assertion_that_is_wrong_says_why_to_its_client(
    programs: Programs, claims: dict[str, Any], word: str
) -> None:
    made = await programs.register(key=new_key())
    answer = await programs.post("/oauth/token", GRANT | programs.proof(made, **claims))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert word in answer.json()["error_description"]


async def test_assertions_signed_with_what_they_must_not_be(programs: Programs) -> None:
    key = new_key()
    made = await programs.register(key=key)
    claims = part(programs.proof(made)["client_assertion"], 1)
    pem = key.as_pem(private=False)
    body = programs.proof(made)["client_assertion"].split(".")[1]
    texts = [
        hs256({"kid": "k1"}, claims, pem),
        hs256({"kid": "k1"}, claims, pem.strip()),
        f"{encoded({'alg': 'none'})}.{body}.",
        f"{encoded({'alg': 'none', 'kid': 'k1'})}.{body}.",
        "..",
        "a.b.c",
        "\u5b57." * 3,
        jwt.encode({"alg": "ES256", "kid": "k2"}, claims, new_key("k2")),
        jwt.encode({"alg": "ES256", "kid": "k1", "jwk": new_key().as_dict(private=False)}, claims, new_key()),
    ]
    for text in texts:
        answer = await programs.post("/oauth/token", GRANT | programs.proof(made) | {"client_assertion": text})
        assert (answer.status_code, answer.json()["error_description"]) == (401, "Client authentication failed."), text


async def test_an_assertion_counts_once_in_every_process(programs: Programs) -> None:
    made = await programs.register(key=new_key())
    proof = programs.proof(made)
    at_once = await asyncio.gather(*(programs.post("/oauth/token", GRANT | proof) for _ in range(8)))
    assert sorted(answer.status_code for answer in at_once) == [200] + [401] * 7
    programs.restart()
    again = await programs.post("/oauth/token", GRANT | proof)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert "used before" in again.json()["error_description"]
    other = await programs.register(key=new_key())
    jti = part(proof["client_assertion"], 1)["jti"]
    assert (await programs.post("/oauth/token", GRANT | programs.proof(other, jti=jti))).status_code == 200
    # Used up even where the request fails otherwise.
    spent = programs.proof(made)
    assert (await programs.post("/oauth/token", GRANT | spent | {"scope": "nothing"})).status_code == 400
    assert (await programs.post("/oauth/token", GRANT | spent)).status_code == 401
    programs.pass_time(minutes=10)
    async with control_session(programs.platform.engines) as session:
        await forget_ended(session, clock=programs.clock)
    assert (await programs.post("/oauth/token", GRANT | proof)).status_code == 401  # forgotten, and expired


async def test_keys_that_a_client_publishes(programs: Programs) -> None:
    first, second = new_key("one"), new_key("two")
    shown, asked = public(first), 0

    async def fetch(address: str) -> Any:
        nonlocal asked
        asked += 1
        assert address == "https://keys.example/jwks.json"
        if not shown["keys"]:
            raise Unavailable("away")
        return dict(shown)

    programs.app.state.authorization._fetched = FetchedKeys(fetch)
    made = await programs.register(jwks_uri="https://keys.example/jwks.json")
    programs.keys[made.client_id] = first
    answers = await asyncio.gather(*(programs.ask_token(made) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4 and asked == 1
    shown["keys"] = public(second)["keys"]
    assert (await programs.post("/oauth/token", GRANT | programs.proof(made, key=second))).status_code == 401
    programs.pass_time(minutes=5)
    assert (await programs.post("/oauth/token", GRANT | programs.proof(made, key=second))).status_code == 200
    shown["keys"] = []
    programs.pass_time(minutes=5)
    for _ in range(3):
        assert (await programs.post("/oauth/token", GRANT | programs.proof(made, key=second))).status_code == 401
    assert asked == 3  # a failure is not asked for again at once
    shown["keys"] = public(second)["keys"]
    programs.pass_time(seconds=FAILURE_KEPT.total_seconds())
    assert (await programs.post("/oauth/token", GRANT | programs.proof(made, key=second))).status_code == 200


async def test_an_address_inside_is_not_asked_for_keys(programs: Programs) -> None:
    made = await programs.register(jwks_uri="https://169.254.169.254/latest/meta-data")
    programs.keys[made.client_id] = new_key()
    assert (await programs.ask_token(made)).json()["error_description"] == "Client authentication failed."


async def test_two_secrets_while_one_takes_the_others_place(programs: Programs) -> None:
    made = await programs.register()
    assert made.secret is not None
    async with programs.work() as work:
        second = await actions.rotate_secret(work, made.id, overlap=timedelta(hours=2))
    for secret in (made.secret.clear, second.clear):
        assert (await programs.post("/oauth/token", GRANT, made, secret=secret)).status_code == 200
    async with programs.work() as work:
        third = await actions.rotate_secret(work, made.id, overlap=timedelta(hours=1))
    found = [await programs.post("/oauth/token", GRANT, made, secret=one.clear) for one in (made.secret, second, third)]
    assert [answer.status_code for answer in found] == [401, 200, 200]
    programs.pass_time(hours=1)
    assert (await programs.post("/oauth/token", GRANT, made, secret=second.clear)).status_code == 401
    assert (await programs.post("/oauth/token", GRANT, made, secret=third.clear)).status_code == 200


async def test_introspection_of_ones_own_tokens(programs: Programs) -> None:
    made, other = await programs.register("sales:order:read", "audit:event:read"), await programs.register()
    token = await programs.token(made)
    found = (await programs.post("/oauth/introspect", {"token": token, "token_type_hint": "x"}, made)).json()
    claims = part(token, 1)
    assert found.pop("active") is True and found.pop("token_type") == "Bearer"
    assert found == {name: claims[name] for name in found} and found["client_id"] == made.client_id
    nothing = [
        await programs.post("/oauth/introspect", {"token": token}, other),
        await programs.post("/oauth/introspect", {"token": "x"}, made),
        await programs.post("/oauth/introspect", {"token": token[:-2] + "AA"}, made),
    ]
    async with programs.work() as work:
        await actions.revoke_tokens(work, made.id)
    nothing.append(await programs.post("/oauth/introspect", {"token": token}, made))
    assert [(answer.status_code, answer.json()) for answer in nothing] == [(200, {"active": False})] * 4


async def test_a_revoked_token_ends_and_another_clients_does_not(programs: Programs) -> None:
    made, other = await programs.register(), await programs.register()
    token, spare = await programs.token(made), await programs.token(made)
    assert (await programs.graphql(token)).status_code == 200
    unknown = await programs.post("/oauth/revoke", {"token": "x" * 300}, other)
    foreign = await programs.post("/oauth/revoke", {"token": token}, other)
    assert (unknown.status_code, unknown.json()) == (foreign.status_code, foreign.json()) == (200, {})
    assert (await programs.graphql(token)).status_code == 200
    done = await programs.post("/oauth/revoke", {"token": token, "token_type_hint": "access_token"}, made)
    assert (done.status_code, done.json()) == (200, {})
    assert (await programs.graphql(token)).status_code == 401  # at once, though it was in memory
    assert (await programs.graphql(spare)).status_code == 200
    assert (await programs.post("/oauth/revoke", {"token": token}, made)).status_code == 200
    programs.restart()
    assert (await programs.graphql(token)).status_code == 401


async def test_metadata_by_the_standard(programs: Programs) -> None:
    answer = await programs.http.get("/.well-known/oauth-authorization-server")
    found = answer.json()
    AuthorizationServerMetadata(found).validate()
    assert found["issuer"] == ISSUER and found["token_endpoint"] == ENDPOINT
    assert found["scopes_supported"] == sorted(FOR_PROGRAMS)
    assert SECRET_BASIC in found["token_endpoint_auth_methods_supported"]
    assert "none" not in found["token_endpoint_auth_signing_alg_values_supported"]
    for name in ("jwks_uri", "revocation_endpoint", "introspection_endpoint"):
        assert found[name].startswith(ISSUER + "/oauth/")


async def test_keys_are_published_before_and_after_they_sign(programs: Programs) -> None:
    made = await programs.register()
    seal = programs.platform.sealer(NO_GROUP, PURPOSE)

    async def published() -> set[str]:
        answer = await programs.http.get("/oauth/jwks")
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["content-type"] == "application/jwk-set+json"
        for jwk in answer.json()["keys"]:
            assert ECKey.import_key(jwk).is_private is False and "d" not in jwk
        return {jwk["kid"] for jwk in answer.json()["keys"]}

    old = await programs.token(made)
    before = await published()
    assert len(before) >= 2 and part(old, 0)["kid"] in before
    programs.pass_time(minutes=16)
    async with control_session(programs.platform.engines) as session:
        await rotate_keys(session, seal, clock=programs.clock)
    new = await programs.token(made)
    assert part(new, 0)["kid"] in before - {part(old, 0)["kid"]}
    assert part(old, 0)["kid"] in await published()
    assert (await programs.graphql(old)).status_code == (await programs.graphql(new)).status_code == 200
    programs.pass_time(minutes=71)
    assert part(old, 0)["kid"] not in await published()
    last = await programs.token(made)
    assert (await programs.graphql(last)).status_code == 200
    async with control_session(programs.platform.engines) as session:
        await rotate_keys(session, seal, distrust=True, clock=programs.clock)
    fresh = await programs.token(made)
    programs.pass_time(seconds=10)
    assert (await programs.graphql(fresh)).status_code == 200
    assert (await programs.graphql(last)).status_code == 401
    assert not before & await published()


async def test_failures_are_limited_and_the_right_client_is_not(programs: Programs) -> None:
    made = await programs.register()
    clock = [0.0]
    failures = Buckets(burst=3, per_minute=6, now=lambda: clock[0])
    pages = door.OAuthPages(lambda: programs.app.state.authorization, failures=failures)
    transport = httpx2.ASGITransport(Starlette(routes=pages.routes()))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as programs.http:
        found = [await programs.post("/oauth/token", GRANT, made, secret="wrong") for _ in range(5)]
        assert [answer.status_code for answer in found] == [401] * 3 + [429] * 2
        assert found[-1].headers["retry-after"] == "11" and found[-1].headers["cache-control"] == "no-store"
        assert found[-1].json()["error"] == "invalid_client"
        assert (await programs.ask_token(made)).status_code == 200
        clock[0] = 11.0
        assert (await programs.post("/oauth/token", GRANT, made, secret="wrong")).status_code == 401
