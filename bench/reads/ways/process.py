"""How a way's process is started: `python -m bench.reads.ways.<way> HOME PORT`, everything else comes from the world."""

import sys
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from bench.reads.world import World
from forecourt.composition import without_owner
from forecourt.tenancy.server import Server, open_server


def arguments() -> tuple[World, int]:
    """World and port of this process."""
    _, home, port = sys.argv
    return World.read(Path(home)), int(port)


def joined(world: World, *, owner: bool = False) -> Server:
    """The running database server; with the owner's password only for those who ask for it."""
    server = open_server(world.settings, throwaway=True)
    return server if owner else without_owner(server)


def serve(app: ASGIApp, port: int) -> None:
    """One process as in production: uvloop, httptools, no access log."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
    )
