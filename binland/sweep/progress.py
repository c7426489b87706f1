"""What a user sees of a running sweep: a progress bar on a terminal, elsewhere a log line a minute."""

import sys
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

errors = Console(stderr=True, highlight=False, soft_wrap=True)

LOG_EVERY = 60.0  # seconds between log lines where there is no terminal


@dataclass(frozen=True)
class Progress:
    """State of a run: tasks done, failed and in all, wall seconds since it began, done before it began."""

    done: int
    failed: int
    total: int
    seconds: float
    done_before: int


class Reporter:
    """Progress bar on a terminal; elsewhere a log line a minute."""

    def __init__(self) -> None:
        self.last: Progress | None = None
        self.logged = time.monotonic()
        self.bar: Bar | None = None
        self.task: Any = None

    def __enter__(self) -> "Reporter":
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self.bar = Bar(*columns, TextColumn("{task.fields[left]}"), console=errors)
            self.task = self.bar.add_task("starting", total=None, left="")
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show the state after a task."""
        self.last = progress
        left = f"{duration(_left(progress))} left"
        if self.bar:
            finished = progress.done + progress.failed
            self.bar.update(self.task, description="tasks", completed=finished, total=progress.total, left=left)
        elif time.monotonic() - self.logged >= LOG_EVERY:
            self.logged = time.monotonic()
            errors.print(f"{progress.done} of {progress.total} tasks done, {progress.failed} failed, about {left}")

    def summary(self) -> str:
        """One line about the run."""
        if self.last is None:
            return "nothing left to do"
        p = self.last
        return f"{p.done} of {p.total} tasks done, {p.failed} failed, in {duration(p.seconds)}"


def _left(progress: Progress) -> float:
    """Wall seconds left at the rate of this run, all tasks taken as equal."""
    finished = progress.done + progress.failed - progress.done_before
    return float(progress.seconds / max(finished, 1) * (progress.total - progress.done - progress.failed))


def duration(seconds: float) -> str:
    """Seconds as text, in the unit that fits."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{seconds:.1f} s"
