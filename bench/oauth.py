"""What programs cost: tokens per second by both methods, and recognising a token cold and remembered.

    python bench/oauth.py [--tokens 500] [--at-once 16]

Everything runs in one process against a server of its own; the endpoints are called over ASGI, without a network.
Target: a remembered token is recognised with at most a tenth of the CPU of a new one. CPU is this process's, without PostgreSQL.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from forecourt.app import build_app
from forecourt.auth.actor import Actor
from forecourt.auth.identify import ActorCache, identify
from forecourt.auth.oauth.access import key_name, verify
from forecourt.auth.oauth.core import ASSERTION_TYPE
from forecourt.auth.oauth.model import PRIVATE_KEY_JWT, SECRET_BASIC
from forecourt.composition import authorization_service
from forecourt.domain.clients import actions
from forecourt.domain.work import Platform, open_group_work
from forecourt.settings import Settings
from forecourt.telemetry import configure_logs
from forecourt.tenancy import embedded
from forecourt.tenancy.bootstrap import bootstrap
from forecourt.tenancy.engines import Engines
from forecourt.tenancy.migrate import migrate
from forecourt.tenancy.provision import NewStore, create_group, create_store, owner_connection
from forecourt.tenancy.server import Server, open_server
from forecourt.tenancy.session import control_session, resolve_group

ISSUER = Settings().public_url


async def measured(what: str, times: int, at_once: int, work: Callable[[], Awaitable[None]]) -> None:
    """Do it so many times, so many at once; print the rate, the median time of one, and this process's CPU for one."""
    taken: list[float] = []
    left = iter(range(times))

    async def one_after_the_other() -> None:
        for _ in left:
            began = time.perf_counter()
            await work()
            taken.append(time.perf_counter() - began)

    began, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    rate, cpu = times / (time.perf_counter() - began), (time.process_time() - worked) / times
    shown = f"{rate:>8.0f} /s{statistics.median(taken) * 1e3:>9.2f} ms{cpu * 1e3:>9.2f} ms CPU"
    print(f"{what:<48}{at_once:>4} at once{shown}")


async def bench(server: Server, settings: Settings, tokens: int, at_once: int) -> None:
    with owner_connection(server) as connection:
        group_id = create_group(connection, server.secrets, code="BENCH", name="Bench", time_zone="Asia/Shanghai")
        store = create_store(connection, group_id, NewStore("S1", "Store", "HX", "Asia/Shanghai"))
    engines = Engines(server, settings, application="bench")
    platform = Platform(engines)
    key = ECKey.generate_key("P-256", parameters={"kid": "k"}, private=True)
    async with control_session(engines) as session:
        group = await resolve_group(session, group_id)
    async with open_group_work(platform, group, Actor.for_system("bench", group_id)) as work:
        given = {"name": "bench", "scopes": ["sales:order:read"], "stores": [store]}
        plain = await actions.create_client(work, **given, auth_method=SECRET_BASIC)
        jwks = {"keys": [key.as_dict(private=False)]}
        signs = await actions.create_client(work, **given, auth_method=PRIVATE_KEY_JWT, jwks=jwks)
    app = build_app(server, settings)
    app.state.platform, app.state.authorization = platform, authorization_service(platform)
    grant = {"grant_type": "client_credentials"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as http:

        async def by_secret() -> str:
            answer = await http.post("/oauth/token", data=grant, auth=(plain.client_id, plain.secret.clear))
            return str(answer.json()["access_token"])

        async def by_assertion() -> None:
            now = int(time.time())
            claims = {
                "iss": signs.client_id,
                "sub": signs.client_id,
                "aud": ISSUER,
                "jti": uuid4().hex,
                "exp": now + 60,
            }
            proof = jwt.encode({"alg": "ES256", "kid": "k"}, claims, key)
            form = grant | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}
            assert (await http.post("/oauth/token", data=form)).status_code == 200

        token = await by_secret()
        for many in (1, at_once):
            await measured("a token by client_secret_basic", tokens, many, by_secret)
            await measured("a token by private_key_jwt (signed here, too)", tokens, many, by_assertion)

    programs, clock, header = app.state.authorization.programs, platform.clock, f"Bearer {token}"
    async with control_session(engines) as session:
        public = await programs.ring.public(session, key_name(token), clock.now())
    began = time.process_time()
    for _ in range(2000):
        verify(token, public, programs.issuer, now=clock.now())
    checked = (time.process_time() - began) / 2000
    cache = ActorCache()

    async def recognised() -> None:
        async with control_session(engines) as session:
            await identify(session, header, clock=clock, cache=cache, programs=programs)

    cold, warm = [], []
    for _ in range(300):
        cache.clear()
        for times in (cold, warm):
            began, worked = time.perf_counter(), time.process_time()
            await recognised()
            times.append((time.perf_counter() - began, time.process_time() - worked))
    print(f"{'signature and claims (ES256)':<60}{checked * 1e6:>28.0f} µs CPU")
    for what, times in (("a token recognised cold", cold), ("a token recognised again within five seconds", warm)):
        wall, cpu = (statistics.median(column) * 1e6 for column in zip(*times, strict=True))
        print(f"{what:<60}{wall:>15.0f} µs{cpu:>10.0f} µs CPU")
    ratios = [statistics.median(column) for column in zip(*cold, strict=True)]
    ratios = [one / statistics.median(column) for one, column in zip(ratios, zip(*warm, strict=True), strict=True)]
    print(f"{'ratio':<60}{ratios[0]:>15.1f}   {ratios[1]:>10.1f}")
    await engines.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=16)
    chosen = parser.parse_args()
    configure_logs("ERROR")
    home = Path(tempfile.mkdtemp(prefix="fc-bench-"))
    home.chmod(0o755)
    settings = Settings(home=home)
    server = open_server(settings, throwaway=True)
    try:
        bootstrap(server)
        migrate(server)
        asyncio.run(bench(server, settings, chosen.tokens, chosen.at_once))
    finally:
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
