"""The order of work: which tasks can run now, and which wait for others."""

import heapq
from collections.abc import Iterable

from binland.sweep.tasks import Task


class Graph:
    """Unfinished tasks of a sweep; a task is ready once everything it needs is done. Every step costs O(log tasks)."""

    def __init__(self, tasks: Iterable[Task], done: Iterable[Task] = ()):
        """tasks: all that may run, in the desired order. done: those that are finished already."""
        self._order = {task: place for place, task in enumerate(tasks)}
        finished = set(done)
        self._missing: dict[Task, int] = {}
        self._waiting: dict[Task, list[Task]] = {}
        self._ready: list[tuple[int, Task]] = []
        for task, place in self._order.items():
            missing = [need for need in task.needs if need not in finished]
            self._missing[task] = len(missing)
            for need in missing:
                self._waiting.setdefault(need, []).append(task)
            if not missing:
                self._ready.append((place, task))

    def __len__(self) -> int:
        """Number of tasks that are ready."""
        return len(self._ready)

    def pop(self) -> Task:
        """Take out the first ready task; raises IndexError if there is none."""
        return heapq.heappop(self._ready)[1]

    def put_back(self, task: Task) -> None:
        """Return a task that was taken out but not run."""
        heapq.heappush(self._ready, (self._order[task], task))

    def followers(self, task: Task) -> list[Task]:
        """The tasks that wait for this one alone."""
        return [waiting for waiting in self._waiting.get(task, ()) if waiting.needs == (task,)]

    def take_followers(self, task: Task) -> None:
        """Take out tasks that run right after this one. If it fails, they are not run at all."""
        self._waiting[task] = [waiting for waiting in self._waiting.get(task, ()) if waiting.needs != (task,)]

    def done(self, task: Task) -> None:
        """Note that a task is done: tasks that waited for it alone become ready. Not to be called after a failure."""
        for waiting in self._waiting.pop(task, ()):
            self._missing[waiting] -= 1
            if not self._missing[waiting]:
                self.put_back(waiting)
