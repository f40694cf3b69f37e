"""Forecourt itself: `build_app` with everything that an installation has, telemetry without a collector, log to a file."""

from typing import Any

from bench.reads.ways.process import arguments, joined
from forecourt.app import serve
from forecourt.composition import check_start
from forecourt.telemetry import configure


def main(**settings: Any) -> None:
    """Serve as `forecourt api` does."""
    world, port = arguments()
    chosen = world.settings.model_copy(update={"port": port, **settings})
    configure(chosen, service="api")
    server = joined(world)
    check_start(server, chosen)
    serve(server, chosen)


if __name__ == "__main__":
    main()
