"""What a user sees of a running sweep: a progress bar on a terminal, elsewhere a log line a minute; time left."""

import math
import sys
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from binland.sweep.store.layout import LEFT
from binland.sweep.tasks import Task

errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)

LOG_EVERY = 60.0  # seconds between log lines where there is no terminal


@dataclass(frozen=True)
class Progress:
    """State of a run: tasks done, failed and in all; wall seconds since it began, tasks finished since then."""

    done: int
    failed: int
    total: int
    seconds: float
    finished: int

    @property
    def rate(self) -> float:
        """Tasks a second in this run."""
        return self.finished / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float:
        """Wall seconds left at the rate of this run, all tasks taken as equal."""
        return (self.total - self.done - self.failed) / max(self.rate, 1e-9)


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
        left = f"{rate(progress.rate)}, {duration(progress.seconds_left)} left"
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


def rate(per_second: float) -> str:
    """A rate as text, in the unit that fits."""
    if per_second >= 1:
        return f"{per_second:.3g} tasks/s"
    return f"{60 * per_second:.2g} tasks/min" if per_second * 60 >= 1 else f"{3600 * per_second:.2g} tasks/h"


def duration(seconds: float) -> str:
    """Seconds as text, in the unit that fits."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{seconds:.1f} s"


def work_left(states: dict[Task, int], times: dict[Task, float]) -> float:
    """Seconds of work left, from the mean time of the finished tasks of the same kind, N and algorithm, or kind."""
    known: dict[Any, list[float]] = {}
    for task, seconds in times.items():
        if not math.isnan(seconds):
            known.setdefault(_group(task), []).append(seconds)
            known.setdefault(task.kind, []).append(seconds)
    means = {group: sum(some) / len(some) for group, some in known.items()}
    left = [task for task, state in states.items() if state == LEFT]
    return sum(means.get(_group(task), means.get(task.kind, 0.0)) for task in left)


def _group(task: Task) -> Any:
    return task.kind, task.cell.n_inputs, task.cell.algorithm
