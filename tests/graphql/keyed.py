"""Mutations under idempotency keys, as a request over HTTP brings them to the schema."""

import json
from collections.abc import Mapping
from typing import Any

from forecourt.auth.actor import Actor
from forecourt.graphql.context import Context
from forecourt.graphql.idempotency import repeat_of
from forecourt.graphql.operation import Operation
from forecourt.graphql.run import Asked, run_encoded
from forecourt.graphql.schema import ApiSchema
from tests.graphql.live import LiveApi

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
FILE = """mutation($input: FileComplaintInput!) { fileComplaint(input: $input) {
            complaint { id version text receivedAt } userErrors { code message path } } }"""


async def answered(
    schema: ApiSchema, context: Context, query: str, variables: Mapping[str, Any], key: str = KEY
) -> dict[str, Any]:
    """The answer to a request under a key.

    Raises:
        KeyRefused: nothing of it ran.
    """
    operation = Operation(query, dict(variables))
    context.repeat = await repeat_of(operation._replace(key=key))
    body, _ = await run_encoded(schema, context, Asked(query, operation.variables))
    found: dict[str, Any] = json.loads(body)
    extensions = found.pop("extensions", {})
    extensions.pop("cost", None)
    return found | ({"extensions": extensions} if extensions else {})


async def keyed(
    live: LiveApi, actor: Actor, query: str, variables: Mapping[str, Any], key: str = KEY, language: str = "en"
) -> dict[str, Any]:
    """`answered` for an actor of the live API."""
    return await answered(live.schema, live.context(actor, language), query, variables, key)


def replayed(answer: Mapping[str, Any]) -> list[str]:
    """Response keys of the fields that were answered before."""
    found: list[str] = answer["extensions"]["idempotency"]["replayed"]
    return found


def complaint(live: LiveApi, code: str = "a1", **more: Any) -> dict[str, Any]:
    """Input of fileComplaint."""
    return {
        "storeId": live.store_id(code),
        "record": "COMPLAINT",
        "area": "SALES",
        "kind": "DELIVERY",
        "receivedAt": "2026-09-07T01:00:00Z",
        "text": "交车迟了",
    } | more
