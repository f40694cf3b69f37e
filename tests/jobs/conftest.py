"""The queue's scratch database."""

from tests.jobs.database import queue_db, queue_dsn

__all__ = ["queue_db", "queue_dsn"]
