"""The worker process: one process, some threads, one event loop for asynchronous actors, one scheduler.

Start as many as needed. SIGTERM or SIGINT (to the process or to its whole group; nothing is forked): take no more jobs,
let those at work finish for a grace time, interrupt what is left, give back what is held, exit 0. A second signal
exits at once; the leases run out and another worker takes the jobs.
"""

import asyncio
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from dramatiq import Worker
from dramatiq.asyncio import get_event_loop_thread

from .errors import Unavailable
from .jobs.broker import PostgresBroker
from .jobs.middleware import JobMetrics
from .jobs.scheduler import Scheduler
from .tenancy.leases import Heartbeat

log = structlog.get_logger(__name__)

#: Seconds interrupted jobs have to roll back, and the shutdown as a whole beyond its grace time.
ROLLBACK_SECONDS = 2.0
LAST_RESORT_SECONDS = 10.0


def run_worker(
    broker: PostgresBroker,
    register: Callable[[PostgresBroker], None],
    *,
    threads: int = 8,
    queues: set[str] | None = None,
    grace: float = 30.0,
    beat: float = 5.0,
    idle: float = 1.0,
    schedule: bool = True,
    metrics: JobMetrics | None = None,
) -> int:
    """Do jobs until told to stop. Call from the main thread. Returns the exit code, 0.

    Args:
        register: declares the actors on the broker.
        threads: how many jobs at once; as many are leased from each queue.
        queues: only these; None = every queue an actor declares.
        grace: seconds that jobs at work may take to finish after the signal.
        beat: seconds between heartbeats in `control.worker`.
        idle: seconds between looks at an empty queue (a new job wakes the worker before that).
        schedule: run a scheduler too.
        metrics: shows the depth of the queues.
    """
    # dramatiq writes the text of every exception to its log, and a driver's text may quote a row. The middleware logs
    # each failure in words that are safe.
    logging.getLogger("dramatiq.worker.WorkerThread").setLevel(logging.CRITICAL)
    register(broker)
    broker.queue.open()
    heartbeat = Heartbeat(queues=sorted(queues or broker.get_declared_queues()))
    with _signals() as wait_for_signal:
        broker.emit_after("process_boot")
        worker = Worker(broker, queues=queues, worker_threads=threads, worker_timeout=max(1, int(idle * 1000)))
        worker.queue_prefetch = threads  # more would wait here while another worker is idle
        scheduler = Scheduler(broker.queue, interval=beat) if schedule else None
        worker.start()
        if scheduler is not None:
            scheduler.start()
        log.info("worker.started", queues=heartbeat.queues, threads=threads)
        _beat(broker, heartbeat, metrics)
        while not wait_for_signal(beat):
            _beat(broker, heartbeat, metrics)
        heartbeat.state = "STOPPING"
        _beat(broker, heartbeat, metrics)
        stop(broker, worker, scheduler, grace=grace)
        _forget(broker, heartbeat)
    broker.close()
    log.info("worker.stopped")
    return 0


def stop(broker: PostgresBroker, worker: Worker, scheduler: Scheduler | None, *, grace: float) -> None:
    """Take no more jobs, finish or give back what is held."""
    log.info("worker.stopping", held=len(broker.held()), grace=grace)
    last_resort = threading.Timer(grace + ROLLBACK_SECONDS + LAST_RESORT_SECONDS, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()
    broker.stop_taking()
    if scheduler is not None:
        scheduler.stop(timeout=ROLLBACK_SECONDS)
    for thread in worker.workers:
        thread.stop()
    if not _joined(worker, grace):
        _interrupt_coroutines()
        _joined(worker, ROLLBACK_SECONDS)
    worker.stop(timeout=int(ROLLBACK_SECONDS * 1000))
    _give_back(broker)
    last_resort.cancel()


def _joined(worker: Worker, seconds: float) -> bool:
    """Whether every worker thread ended within ``seconds``."""
    end = time.monotonic() + seconds
    for thread in worker.workers:
        thread.join(max(0.0, end - time.monotonic()))
    return not any(thread.is_alive() for thread in worker.workers)


def _interrupt_coroutines() -> None:
    """Cancel every asynchronous job, so that its transaction rolls back before its lease is given back."""
    loop_thread = get_event_loop_thread()
    if loop_thread is None:
        return
    loop = loop_thread.loop

    def cancel_all() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    loop.call_soon_threadsafe(cancel_all)


def _give_back(broker: PostgresBroker) -> None:
    """Release what a thread still clings to: it ends with the process, and its transaction with it."""
    left = broker.held()
    if not left:
        return
    log.warning("worker.gave_up_waiting", jobs=[message.message_id for message in left[:20]])
    try:
        broker.queue.release([message.lease for message in left])
    except Unavailable:
        log.warning("worker.leases_run_out")


def _beat(broker: PostgresBroker, heartbeat: Heartbeat, metrics: JobMetrics | None) -> None:
    try:
        broker.queue.beat(heartbeat)
        if metrics is not None:
            metrics.observe_depth(broker.queue.counts())
    except Unavailable:
        log.warning("worker.database_unavailable")


def _forget(broker: PostgresBroker, heartbeat: Heartbeat) -> None:
    try:
        broker.queue.forget(heartbeat)
    except Unavailable:
        log.warning("worker.database_unavailable")


@contextmanager
def _signals() -> Iterator[Callable[[float], bool]]:
    """Gives a function that waits some seconds and tells whether to stop.

    The handler does nothing but write to a pipe: taking a lock inside a signal handler can dead-lock.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    received = 0

    def handle(number: int, frame: object) -> None:
        nonlocal received
        received += 1
        if received > 1:
            os._exit(1)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    wakeup = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)

    def wait(seconds: float) -> bool:
        select.select([readable], [], [], seconds)
        if received == 0 and select.select([readable], [], [], 0)[0]:
            os.read(readable, 512)  # some other signal
        return received > 0

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(readable)
        os.close(writable)
