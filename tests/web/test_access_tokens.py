"""Access tokens at /graphql: whatever is wrong with one, the answer is the same; and what changes counts at once."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from forecourt.auth.identify import ActorCache, identify
from forecourt.auth.oauth.access import Issuer, key_name, verify
from forecourt.auth.oauth.clients import MadeClient
from forecourt.auth.oauth.keys import NO_GROUP, PURPOSE, KeyRing, SigningKey
from forecourt.auth.oauth.programs import Programs as Recognised
from forecourt.domain.clients import actions
from forecourt.errors import Unauthenticated
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.provision import owner_connection, suspend_store
from forecourt.tenancy.session import control_session
from tests.conftest import World
from tests.programs import ISSUER, NOON, Programs, encoded, hs256, new_key, open_programs, part

pytestmark = pytest.mark.anyio

REFUSED = {"errors": [{"message": "Please sign in.", "extensions": {"code": "UNAUTHENTICATED"}}]}
CHALLENGE = 'Bearer realm="forecourt", error="invalid_token"'


@pytest.fixture
async def programs(world: World, engines: Engines) -> AsyncIterator[Programs]:
    async with open_programs(world, engines) as opened:
        yield opened


async def assert_refused(programs: Programs, token: str) -> None:
    answer = await programs.graphql(token)
    assert (answer.status_code, answer.json()) == (401, REFUSED), token[:80]
    assert answer.headers["www-authenticate"] == CHALLENGE


async def signing(programs: Programs) -> SigningKey:
    """The very key of the installation: what even its holder could not make us take."""
    async with control_session(programs.platform.engines) as session:
        return await KeyRing(programs.platform.sealer(NO_GROUP, PURPOSE)).signing(session, clock=programs.clock)


def signed(key: ECKey, claims: dict[str, Any], **header: Any) -> str:
    named = {"alg": "ES256", "typ": "at+jwt", **header}
    kept = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(kept, claims, key, algorithms=[named["alg"]], default_type=None)


async def test_without_a_token_nothing_is_said_of_one(programs: Programs) -> None:
    answer = await programs.graphql(None)
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer.headers["www-authenticate"] == 'Bearer realm="forecourt"'


async def test_our_own_key_with_one_thing_wrong(programs: Programs) -> None:
    made = await programs.register()
    right = part(await programs.token(made), 1)
    key = await signing(programs)
    now = right["iat"]
    assert (await programs.graphql(signed(key.key, right, kid=key.kid))).status_code == 200
    wrong: list[dict[str, Any]] = [
        {"iss": "https://elsewhere.example"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"aud": ISSUER},
        {"aud": [f"{ISSUER}/graphql"]},
        {"aud": [f"{ISSUER}/graphql", "https://elsewhere.example"]},
        {"aud": f"{ISSUER}/graphql/"},
        {"sub": "somebody"},
        {"client_id": "fci_" + "0" * 24, "sub": "fci_" + "0" * 24},
        {"exp": now},
        {"exp": now - 1},
        {"exp": now + 3601},
        {"exp": str(now + 60)},
        {"exp": now + 60.5},
        {"exp": True},
        {"exp": 10**40},
        {"iat": now + 60, "exp": now + 120},
        {"iat": None},
        {"nbf": now + 60},
        {"nbf": "x"},
        {"group": str(programs.world.groups["b"].id)},
        {"group": "x"},
        {"generation": 2},
        {"generation": "1"},
        {"generation": True},
        {"scope": ["sales:order:read"]},
        {"jti": ""},
        {"jti": 1},
    ]
    for change in wrong:
        await assert_refused(programs, signed(key.key, right | change, kid=key.kid))
    for name in sorted(right):
        await assert_refused(programs, signed(key.key, {k: v for k, v in right.items() if k != name}, kid=key.kid))


async def test_headers_that_we_did_not_write(programs: Programs) -> None:
    made = await programs.register()
    claims = part(await programs.token(made), 1)
    key = await signing(programs)
    other = new_key(key.kid)
    jwk = other.as_dict(private=False)
    for header in (
        {"typ": "JWT"},
        {"typ": "logout+jwt"},
        {"typ": "at+JWT"},
        {"typ": "application/at+jwt"},
        {"typ": None},
        {"kid": None},
        {"kid": "nobody"},
        {"kid": "../../../dev/null"},
        {"kid": "' or 1=1 --"},
        {"jwk": jwk},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["AAAA"]},
        {"cty": "JWT"},
    ):
        for signer in (key.key, other):
            await assert_refused(programs, signed(signer, claims, **({"kid": key.kid} | header)))
    critical = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, "crit": ["exp"], "exp": claims["exp"]}
    good = signed(key.key, claims, kid=key.kid).split(".")
    await assert_refused(programs, ".".join([encoded(critical), *good[1:]]))
    await assert_refused(programs, signed(other, claims, kid=key.kid))


async def test_algorithms_that_are_not_ours(programs: Programs) -> None:
    made = await programs.register()
    token = await programs.token(made)
    claims, header = part(token, 1), part(token, 0)
    key = await signing(programs)
    pem = key.key.as_pem(private=False)
    spki = key.key.as_der(private=False)
    for secret in (pem, pem.strip(), spki, json.dumps(key.key.as_dict(private=False)).encode(), b"", b"secret"):
        await assert_refused(programs, hs256(header, claims, secret))
    body, signature = token.split(".")[1:]
    for name in ("none", "None", "NONE", "", "HS256", "RS256", "ES256K", "ES384", "PS256", "EdDSA", None, 5, ["ES256"]):
        for end in ("", signature):
            await assert_refused(programs, f"{encoded(header | {'alg': name})}.{body}.{end}")
    for kind, alg in ((RSAKey.generate_key(2048, private=True), "RS256"),):
        await assert_refused(programs, signed(kind, claims, kid=key.kid, alg=alg))  # type: ignore[arg-type]  # on purpose
    k1 = ECKey.generate_key("secp256k1", private=True)
    await assert_refused(programs, signed(k1, claims, kid=key.kid, alg="ES256K"))


async def test_tampering(programs: Programs) -> None:
    made = await programs.register()
    token = await programs.token(made)
    header, body, signature = token.split(".")
    wider = part(token, 1) | {"scope": "customers:customer:read"}
    zeros, order = encoded(bytes(64)), encoded(b"\xff" * 64)
    for changed in (
        f"{header}.{encoded(wider)}.{signature}",
        f"{header}.{body}.{zeros}",
        f"{header}.{body}.{order}",
        f"{header}.{body}.{signature[:-1]}",
        f"{header}.{body}.{signature}A",
        f"{header}.{body}",
        f"{header}.{body}.",
        f"{body}.{header}.{signature}",
        f"{token}.{signature}",
        f"{encoded([])}.{body}.{signature}",
        f"{header}.{encoded([])}.{signature}",
        token.upper(),
        "A" * 5000,
        "..",
    ):
        await assert_refused(programs, changed)
    assert (await programs.graphql(token)).status_code == 200


async def test_a_token_ends(programs: Programs) -> None:
    token = await programs.token(await programs.register())
    programs.pass_time(minutes=29, seconds=59)
    assert (await programs.graphql(token)).status_code == 200
    programs.pass_time(seconds=1)
    await assert_refused(programs, token)


async def test_what_other_tokens_are_for(programs: Programs) -> None:
    """A client's own assertion is no access token, and one of the installation's logout tokens would be none."""
    made = await programs.register(key=new_key())
    await assert_refused(programs, programs.proof(made)["client_assertion"])


async def change(programs: Programs, made: MadeClient, **given: Any) -> None:
    said: dict[str, Any] = {
        "name": "x",
        "scopes": ["sales:order:read"],
        "stores": [programs.store_id("a1")],
        "expires_at": None,
    }
    async with programs.work() as work:
        await actions.change_client(work, made.id, **(said | given))


ORDERS = '{ store(code: "a1") { salesOrders { totalCount } } }'
SECOND = '{ store(code: "a2") { salesOrders { totalCount } } }'


async def codes(programs: Programs, token: str, query: str) -> list[str]:
    answer = await programs.graphql(token, query)
    return [error["extensions"]["code"] for error in answer.json().get("errors", [])]


async def test_what_a_client_may_is_what_it_may_now(programs: Programs) -> None:
    made = await programs.register("sales:order:read", "customers:customer:read", stores=("a1", "a2"))
    token = await programs.token(made)
    assert await codes(programs, token, ORDERS) == await codes(programs, token, SECOND) == []
    await change(programs, made)
    programs.pass_time(seconds=5)
    assert await codes(programs, token, SECOND) == ["NOT_FOUND"]
    assert await codes(programs, token, ORDERS) == []
    await change(programs, made, scopes=["audit:event:read"])
    programs.pass_time(seconds=5)
    assert await codes(programs, token, ORDERS) == ["FORBIDDEN"]
    # A wider client does not make an old token wider.
    await change(programs, made, scopes=["audit:event:read", "sales:order:read"], stores=None)
    programs.pass_time(seconds=5)
    assert await codes(programs, token, SECOND) == []
    assert await codes(programs, token, '{ store(code: "a1") { auditEvents { totalCount } } }') == ["FORBIDDEN"]
    await change(programs, made, expires_at=programs.clock.at + timedelta(minutes=1))
    programs.pass_time(minutes=1)
    await assert_refused(programs, token)


async def test_disabled_and_enabled(programs: Programs) -> None:
    made = await programs.register()
    token = await programs.token(made)
    async with programs.work() as work:
        await actions.disable_client(work, made.id)
    programs.pass_time(seconds=5)
    await assert_refused(programs, token)
    assert (await programs.ask_token(made)).status_code == 401
    async with programs.work() as work:
        await actions.enable_client(work, made.id)
    programs.pass_time(seconds=5)
    await assert_refused(programs, token)  # what ended stays ended
    assert (await programs.graphql(await programs.token(made))).status_code == 200


async def test_every_token_of_a_client_and_of_no_other(programs: Programs) -> None:
    made, other = await programs.register(), await programs.register()
    tokens = [await programs.token(made) for _ in range(3)]
    spared = await programs.token(other)
    async with programs.work() as work:
        await actions.revoke_tokens(work, made.id)
    fresh = await programs.token(made)  # in the same second
    for token in tokens:
        await assert_refused(programs, token)
    for token in (fresh, spared):
        assert (await programs.graphql(token)).status_code == 200


async def test_a_client_that_is_gone(programs: Programs) -> None:
    made = await programs.register()
    token = await programs.token(made)
    with owner_connection(programs.world.server) as connection:
        for table, column in (
            ("oauth_client_secret", "client_id"),
            ("oauth_client_store", "client_id"),
            ("oauth_client", "id"),
        ):
            connection.execute(f"delete from control.{table} where {column} = %s".encode(), (made.id,))
    await assert_refused(programs, token)


async def test_a_suspended_store_is_read_and_not_written(programs: Programs) -> None:
    token = await programs.token(await programs.register("sales:order:read", "interchange:export:import"))
    with owner_connection(programs.world.server) as connection:
        suspend_store(connection, programs.store_id("a1"))
        try:
            assert await codes(programs, token, ORDERS) == []
            given = 'storeId: "%s", exportedAt: "2026-09-01T00:00:00Z", files: []'
            upload = f"mutation {{ importExport(input: {{{given}}}) {{ userErrors {{ code }} }} }}"
            found = await programs.data(token, '{ store(code: "a1") { id state } }')
            assert found["store"]["state"] == "SUSPENDED"
            answer = await programs.graphql(token, upload % found["store"]["id"])
            assert answer.json() != {"data": {"importExport": {"userErrors": []}}}
        finally:
            connection.execute("update control.store set state = 'ACTIVE' where id = %s", (programs.store_id("a1"),))


async def test_revoked_within_five_seconds_in_other_processes(programs: Programs) -> None:
    """Two processes: each has a cache and a ring of its own."""
    made = await programs.register()
    token = await programs.token(made)
    issuer = Issuer.at(programs.platform.settings.public_url)
    processes = [(ActorCache(), Recognised(issuer, KeyRing())) for _ in range(2)]

    async def ask(number: int) -> bool:
        cache, recognised = processes[number]
        async with control_session(programs.platform.engines) as session:
            try:
                await identify(session, f"Bearer {token}", clock=programs.clock, cache=cache, programs=recognised)
            except Unauthenticated:
                return False
        return True

    assert await ask(0) and await ask(1)
    await programs.post("/oauth/revoke", {"token": token}, made)
    assert await ask(0)  # still in its memory
    programs.pass_time(seconds=5)
    assert not await ask(0) and not await ask(1)


async def test_a_look_up_that_began_before_a_revocation_is_not_kept(programs: Programs) -> None:
    made = await programs.register()
    token = await programs.token(made)
    cache = ActorCache()
    async with control_session(programs.platform.engines) as session:
        known = programs.app.state.authorization.programs
        actor = await identify(session, f"Bearer {token}", clock=programs.clock, cache=cache, programs=known)
    before = cache.generation
    cache.forget_client(made.id)
    assert len(cache) == 0
    later = programs.clock.at + timedelta(minutes=5)
    cache.put(b"x", actor, looked_up_at=programs.clock.at, expires_at=later, generation=before)
    assert len(cache) == 0


KEY = new_key()
NOBODY = Issuer("https://forecourt.example")
NAMES = ["iss", "sub", "aud", "client_id", "group", "generation", "scope", "jti", "iat", "exp", "nbf"]
text = st.text(max_size=40)
known = st.sampled_from(["ES256", "at+jwt", "k", "none"])
header = st.fixed_dictionaries({}, optional=dict.fromkeys(("alg", "typ", "kid"), known | text))
plain = st.none() | st.booleans() | st.integers() | st.floats() | text
jsonish = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=5
)


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_garbage_is_refused(garbage: str) -> None:
    for attempt in (garbage, f"{garbage}.{garbage}.{'A' * 86}"):
        with pytest.raises(Unauthenticated):
            key_name(attempt)
        with pytest.raises(Unauthenticated):
            verify(attempt, KEY, NOBODY, now=NOON)


@given(header, jsonish)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_well_formed_garbage_is_refused(head: dict[str, str], body: Any) -> None:
    unsigned = f"{encoded(head)}.{encoded(json.dumps(body).encode())}"
    for end in ("", "A" * 86):
        with pytest.raises(Unauthenticated):
            verify(f"{unsigned}.{end}", KEY, NOBODY, now=NOON)


@given(st.dictionaries(st.sampled_from(NAMES), jsonish))
def test_signed_garbage_is_refused(claims: dict[str, Any]) -> None:
    try:
        token = signed(KEY, claims, kid="k")
    except ValueError:  # what JSON cannot say
        return
    with pytest.raises(Unauthenticated):
        verify(token, KEY, NOBODY, now=NOON)


async def test_garbage_over_http_is_401_and_never_5xx(programs: Programs) -> None:
    token = await programs.token(await programs.register())
    tried = 0
    for place in range(0, len(token), 7):
        for letter in (".", "A", "-", "=", "%", "\x7f"):
            if token[place] != letter:
                await assert_refused(programs, token[:place] + letter + token[place + 1 :])
                tried += 1
    for raw in (b"Bearer " + bytes(range(128, 256)), b"Bearer", b"Bearer \t", b"bearer " + b"." * 4000, b"Basic eDp5"):
        answer = await programs.http.post("/graphql", json={"query": "{ __typename }"}, headers={b"Authorization": raw})
        assert answer.status_code == 401
    assert tried > 300
