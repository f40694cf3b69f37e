"""The loop that turns due schedules into jobs. Any number of workers may run one."""

import threading

import structlog

from ..clock import SYSTEM_CLOCK, Clock
from ..errors import Unavailable
from ..tenancy.leases import JobQueue
from ..tenancy.schedule import run_due

log = structlog.get_logger(__name__)


class Scheduler(threading.Thread):
    """Looks for due schedules every ``interval`` seconds until stopped; a database that is away is waited for."""

    def __init__(self, queue: JobQueue, *, interval: float = 5.0, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._queue = queue
        self._interval = interval
        self._clock = clock
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            self._tick()
            self._stopped.wait(self._interval)

    def stop(self, timeout: float) -> None:
        """Stop after the present round, waiting at most ``timeout`` seconds for it."""
        self._stopped.set()
        self.join(timeout)

    def _tick(self) -> None:
        try:
            # A full page means that more may be due.
            while not self._stopped.is_set() and run_due(self._queue, clock=self._clock, limit=100) == 100:
                pass
        except Unavailable:
            log.warning("scheduler.database_unavailable")
        except Exception:
            log.exception("scheduler.failed")
