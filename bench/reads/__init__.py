"""Reads against other ways to answer them: `python -m bench.reads`, and the server's memory: `python -m bench.reads.memory`."""
