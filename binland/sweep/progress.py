"""What a user sees of a running sweep: a progress bar on a terminal or in a notebook, elsewhere a line a minute."""

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from binland.bar import Bar, visible
from binland.console import errors
from binland.sweep.store.layout import DONE, FAILED, LEFT
from binland.sweep.tasks import Group, Task, group

LOG_EVERY = 60.0  # seconds between log lines where there is no terminal
LOOK_EVERY = 0.5  # seconds between two forecasts


@dataclass(frozen=True)
class Progress:
    """State of a run: numbers of tasks done, failed and in all, seconds so far and left, tasks finished in this run."""

    done: int
    failed: int
    total: int
    seconds: float
    seconds_left: float
    finished: int

    @property
    def rate(self) -> float:
        """Tasks per second in this run."""
        return self.finished / max(self.seconds, 1e-9)


class Tally:
    """Counts the tasks of a run."""

    def __init__(self, states: Mapping[Task, int], seconds: Mapping[Task, float]):
        """States of the tasks of the run, and wall times of tasks where they are known."""
        self._states, self._forecast = dict(states), Forecast(states, seconds)
        self._counts = Counter(self._states.values())
        self._began, self._finished, self._worked = time.monotonic(), 0, 0.0
        self._looked, self._left = -math.inf, 0.0

    def finish(self, task: Task, state: int, seconds: float) -> Progress:
        """Note the new state of a task and its seconds; returns the progress of the run."""
        if self._states[task] == LEFT:
            self._forecast.finish(task, seconds)
        self._counts[self._states[task]] -= 1
        self._counts[state] += 1
        self._states[task] = state
        self._finished += 1
        self._worked += 0.0 if math.isnan(seconds) else seconds
        elapsed = time.monotonic() - self._began
        if elapsed - self._looked > LOOK_EVERY:
            self._looked, self._left = elapsed, self._forecast.work * elapsed / max(self._worked, 1e-9)
        total = len(self._states)
        return Progress(self._counts[DONE], self._counts[FAILED], total, elapsed, self._left, self._finished)


class Forecast:
    """Work that is left, from mean times of finished tasks of the same kind, size and algorithm, else of the kind."""

    def __init__(self, states: Mapping[Task, int], seconds: Mapping[Task, float]):
        """States of all tasks that count, and wall times of tasks, NaN if unknown."""
        self._left = Counter(group(task) for task, state in states.items() if state == LEFT)
        self._known: dict[Any, tuple[int, float]] = {}
        for task, time_taken in seconds.items():
            self._learn(task, time_taken)

    def finish(self, task: Task, seconds: float) -> None:
        """Note that a task is finished."""
        self._left[group(task)] -= 1
        self._learn(task, seconds)

    @property
    def work(self) -> float:
        """Seconds of work left, on one worker."""
        return sum(count * self._mean(key) for key, count in self._left.items())

    def _learn(self, task: Task, seconds: float) -> None:
        if not math.isnan(seconds):
            for key in (group(task), task.kind):
                count, total = self._known.get(key, (0, 0.0))
                self._known[key] = count + 1, total + seconds

    def _mean(self, key: Group) -> float:
        count, total = self._known.get(key) or self._known.get(key[0]) or (1, 0.0)
        return total / count


class Reporter:
    """Progress bar on a terminal or in a notebook; elsewhere a log line a minute."""

    def __init__(self) -> None:
        self.last: Progress | None = None
        self.bar: Bar | None = None
        self._ended = threading.Event()

    def __enter__(self) -> "Reporter":
        if visible():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self.bar = Bar(*columns, TextColumn("{task.fields[left]}"), description="starting", left="")
            self.bar.__enter__()
        else:
            threading.Thread(target=self._log, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self.bar:
            self.bar.__exit__()

    def __call__(self, progress: Progress) -> None:
        """Take the state after a task."""
        self.last = progress
        if self.bar:
            finished = progress.done + progress.failed
            self.bar.update(description="tasks", completed=finished, total=progress.total, left=_outlook(progress))

    def _log(self) -> None:
        """Print a line a minute, also while no task ends."""
        while not self._ended.wait(LOG_EVERY):
            p = self.last
            line = "no task has ended yet" if p is None else f"{p.done} of {p.total} tasks done, {p.failed} failed"
            errors.print(line if p is None else f"{line}, about {_outlook(p)}")

    def summary(self) -> str:
        """One line about the whole run."""
        if self.last is None:
            return "nothing left to do"
        p = self.last
        return f"{p.done} of {p.total} tasks done, {p.failed} failed, in {duration(p.seconds)}"


def _outlook(progress: Progress) -> str:
    return f"{rate(progress.rate)}, {duration(progress.seconds_left)} left"


def rate(per_second: float) -> str:
    """A rate as text, in a suitable unit."""
    if per_second >= 1:
        return f"{per_second:.3g} tasks/s"
    return f"{60 * per_second:.2g} tasks/min" if per_second * 60 >= 1 else f"{3600 * per_second:.2g} tasks/h"


def duration(seconds: float) -> str:
    """Seconds as text, in a suitable unit."""
    if not math.isfinite(seconds):
        return "unknown time"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{seconds:.1f} s"
