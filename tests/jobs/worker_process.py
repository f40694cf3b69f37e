"""A worker process for the proofs: ``python -m tests.jobs.worker_process '{"control": …, "admin": …}'``.

With ``"restart": true`` a parent forks the worker and forks it again whenever it was killed, as a supervisor would.
"""

import json
import os
import signal
import sys
from typing import Any

from prometheus_client import CollectorRegistry

from forecourt.jobs.broker import PostgresBroker
from forecourt.jobs.middleware import JobMetrics, job_middleware
from forecourt.tenancy.leases import JobQueue
from forecourt.worker import run_worker
from tests.jobs.actors import registering
from tests.jobs.running import resolve_any


def work(config: dict[str, Any]) -> int:
    metrics = JobMetrics(CollectorRegistry())
    queue = JobQueue(config["control"], lease_seconds=config.get("lease", 1.0), max_crashes=1000, connect_timeout=2)
    broker = PostgresBroker(queue, middleware=job_middleware(resolve_any, metrics=metrics))
    return run_worker(
        broker,
        registering(config["admin"]),
        threads=config.get("threads", 4),
        grace=config.get("grace", 5.0),
        beat=0.3,
        idle=0.1,
        metrics=metrics,
    )


def supervise(config: dict[str, Any]) -> int:
    stopping: list[int] = []
    child = 0

    def stop(number: int, frame: object) -> None:
        stopping.append(number)
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os._exit(work(config))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status)
    return 0


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    sys.exit(supervise(settings) if settings.get("restart") else work(settings))
