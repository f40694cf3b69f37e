"""The jobs that a worker declares, found on a broker that never reaches a database."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker

from forecourt.composition import FEATURES
from forecourt.settings import Settings


def declared_jobs() -> Sequence["dramatiq.Actor[Any, Any]"]:
    """Every actor of every feature."""
    broker: Any = StubBroker(middleware=[])
    broker.actor_options |= {"store", "time_limit", "max_retries", "min_backoff", "max_backoff", "throws"}
    context: Any = SimpleNamespace(platform=SimpleNamespace(settings=Settings()))
    for feature in FEATURES:
        feature.register(broker, context)
    return list(broker.actors.values())
