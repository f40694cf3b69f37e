"""Forecourt itself: `build_app` with everything that an installation has, telemetry without a collector, log to a file."""

from bench.reads.queries import LONG
from bench.reads.ways.process import arguments, joined
from forecourt.app import serve
from forecourt.composition import check_start
from forecourt.graphql import pages, select
from forecourt.telemetry import configure
from forecourt.tenancy.reader import shape, sql


def allow_long_pages() -> None:
    """Q4 is one list of 1,000 rows, whatever the product's bound is."""
    for module in (shape, sql, pages, select):
        vars(module)["MAX_PAGE"] = max(shape.MAX_PAGE, LONG)


def main() -> None:
    """Serve as `forecourt api` does."""
    world, port = arguments()
    chosen = world.settings.model_copy(update={"port": port})
    configure(chosen, service="api")
    server = joined(world)
    check_start(server, chosen)
    allow_long_pages()
    serve(server, chosen)


if __name__ == "__main__":
    main()
