"""The API as a process of its own: ``python -m tests.live.process HOME PORT``."""

import sys
from pathlib import Path

from forecourt.app import serve
from forecourt.composition import without_owner
from forecourt.settings import Settings
from forecourt.tenancy.server import open_server

if __name__ == "__main__":
    settings = Settings(home=Path(sys.argv[1]), port=int(sys.argv[2]))
    serve(without_owner(open_server(settings)), settings)
