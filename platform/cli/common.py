"""What the commands share: one console for messages (stderr), errors as one line, and small helpers."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from ..errors import ForecourtError
from ..settings import settings

P = ParamSpec("P")
R = TypeVar("R")

#: Messages, progress and tables for people. Answers for scripts go to stdout by `answer`.
console = Console(stderr=True, highlight=False)
#: What a command was asked to show to people: tables, to stdout. In a pipe or file nothing is cut to a screen's width.
shown = Console(highlight=False, width=None if sys.stdout.isatty() else 240)


def answer(text: str) -> None:
    """Print what the command was asked for, and nothing else, to stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Write a report as JSON; `-` is stdout."""
    if path is None:
        return
    text = json.dumps(report, ensure_ascii=False, indent=1)
    if str(path) == "-":
        answer(text)
    else:
        path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def told() -> Iterator[None]:
    """Errors of ours become one red line and exit code 1; faults keep their traceback in the log level DEBUG."""
    try:
        yield
    except ForecourtError as error:
        details = ", ".join(f"{key}={value}" for key, value in error.data.items())
        console.print(f"[red]{error.code}[/red] {error.message}" + (f" ({details})" if details else ""))
        raise typer.Exit(1) from (error if settings().log_level == "DEBUG" else None)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def command(function: Callable[P, R]) -> Callable[P, R]:
    """A command whose errors are told to people."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with told():
            return function(*args, **kwargs)

    return run


def run(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run the asynchronous part of a command."""
    return asyncio.run(coroutine)
