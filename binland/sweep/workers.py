"""Who does the work: this process, worker processes on this machine, or the workers of a Dask scheduler.

A task is handed out with everything it needs, and its result is stored before the tasks that wait for it are handed
out. So a worker that dies loses only what it was doing, nothing recorded is computed again, and this process holds only
the results in transit, however large the sweep.
"""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

from binland.console import errors
from binland.errors import ClusterError, InvalidInputError
from binland.interrupts import deferred
from binland.stamp import code_stamp
from binland.sweep import shared
from binland.sweep.blame import blamed
from binland.sweep.config import from_text
from binland.sweep.contracts.family import Family
from binland.sweep.execute import execute, execute_all
from binland.sweep.graph import Graph
from binland.sweep.spec import SweepSpec
from binland.sweep.tasks import Group, Job, Outcome, Task, group
from binland.version import version

if TYPE_CHECKING:
    from distributed import Client, Future

BATCH_SECONDS = 0.25  # seconds of work in one message; shorter tasks are sent together, since messages cost time
IN_LINE = 2  # batches handed out for every thread: one that runs, one that is next
COUNT_EVERY = 2.0  # seconds after which the workers are counted again
LOST = "the Dask scheduler is lost; what is done is safe, run the same command to go on"

Take = Callable[[], Job]
Outcomes = Generator[tuple[Task, Outcome], None, None]
Workers = Callable[[SweepSpec, Graph, Take], Outcomes]


def in_this_process(spec: SweepSpec, graph: Graph, take: Take) -> Outcomes:
    """Run the tasks one after the other in this process."""
    text = spec.text()
    with spec.family.one_thread():
        while graph:
            job = take()
            yield job.task, execute(text, job)


class Cluster:
    """Workers: `count` processes on this machine, or all those of the scheduler at an address.

    A batch whose worker died goes to another one; a task that has killed several workers counts as failed. Workers may
    come and go; without any, the sweep waits. Raises ClusterError if no scheduler answers or it is lost, if workers do
    not start, or if they run other code.
    """

    def __init__(self, count: int, scheduler: str | None):
        self.count, self.scheduler = count, scheduler

    def __call__(self, spec: SweepSpec, graph: Graph, take: Take) -> Outcomes:
        """Outcomes of all tasks that are ready or become so."""
        with self._client(spec) as client:
            yield from _Batches(client, spec, graph, take).run()

    def _client(self, spec: SweepSpec) -> AbstractContextManager["Client"]:
        with deferred():  # an interrupted import would fail with an unrelated error
            from binland.sweep.connect import client_of, local_client

        if self.scheduler is not None:
            return client_of(self.scheduler)
        with blamed():
            spec.family.warm_up()
        return local_client(self.count)


class _Batches:
    """Tasks handed to a cluster in batches of about BATCH_SECONDS."""

    def __init__(self, client: "Client", spec: SweepSpec, graph: Graph, take: Take):
        from distributed import as_completed

        self._client, self._graph, self._take = client, graph, take
        self._text, self._stamp = spec.text(), code_stamp(spec.family.stamp())
        self._declared = shared.pack()
        self._finished = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        self._in_flight: dict[Future[Any], list[Job]] = {}
        self._seconds: dict[Group, float] = {}  # of the latest task of a group
        self._threads, self._counted = 0, 0.0
        self._suspects: list[list[Job]] = []  # tasks lost with several workers; a task beside them may be the cause

    def run(self) -> Outcomes:
        alone = False
        while True:
            while self._graph and not alone and len(self._in_flight) < IN_LINE * self._count_threads():
                self._submit(self._next_batch())
            if not self._in_flight:
                if not self._suspects:
                    return
                alone = True
                self._submit(self._suspects.pop(0))
            future, results = next(self._finished)
            jobs = self._in_flight.pop(future)
            if future.status == "finished":
                for job, outcome in zip(jobs, results, strict=True):
                    if outcome is not None:  # its training has failed
                        self._seconds[group(job.task)] = outcome.seconds
                        yield job.task, outcome
            else:
                yield from self._after_trouble(future, jobs, results, alone)
            future.release()
            alone = False

    def _next_batch(self) -> list[Job]:
        jobs: list[Job] = []
        expected = 0.0
        while not jobs or (self._graph and expected < BATCH_SECONDS):
            job = self._take()
            more = self._after(job.task)
            jobs += [job, *more]
            expected += sum(self._expected(one.task) for one in (job, *more))
        return jobs

    def _expected(self, task: Task) -> float:
        """Expected seconds of a task, those of the latest of its group."""
        return self._seconds.get(group(task), BATCH_SECONDS)

    def _after(self, task: Task) -> list[Job]:
        """Measurements of this solution alone, if all are so short that they may be lost together with the training."""
        followers = self._graph.followers(task)
        if not followers or sum(map(self._expected, (task, *followers))) >= BATCH_SECONDS:
            return []
        self._graph.take_followers(task)
        return [Job(follower, None) for follower in followers]

    def _submit(self, jobs: list[Job]) -> None:
        future = self._client.submit(run_batch, self._stamp, self._text, self._declared, jobs, pure=False)
        self._in_flight[future] = jobs
        self._finished.add(future)

    def _after_trouble(self, future: "Future[Any]", jobs: list[Job], results: object, alone: bool) -> Outcomes:
        """Deal with a batch that did not come back: its workers died, or it could not be run.

        Dask blames every task that was waiting on a worker that died. So each is tried again later, alone.
        """
        from distributed import KilledWorker

        error = results[1] if isinstance(results, tuple) and len(results) > 1 else results
        if future.status == "error" and isinstance(error, KilledWorker):
            if alone:
                yield jobs[0].task, Outcome({}, float("nan"), f"every worker that tried this task died: {error}")
            else:
                self._suspects += _apart(jobs)
        elif isinstance(error, ClusterError):
            raise error
        elif future.status == "error":
            raise ClusterError(
                f"the workers cannot run tasks ({type(error).__name__}: {error}); install binland {version('binland')}"
                " there, what is done is safe"
            )
        else:
            raise ClusterError(LOST)

    def _count_threads(self) -> int:
        """Number of threads of the workers that are there now; waits for the first."""
        asked = False
        while not self._threads or time.monotonic() - self._counted > COUNT_EVERY:
            try:
                self._threads = sum(self._client.nthreads().values())
            except (OSError, TimeoutError):
                raise ClusterError(LOST) from None
            self._counted = time.monotonic()
            if self._in_flight:
                break
            if not self._threads:
                if not asked:
                    errors.print("no workers yet; waiting for the first", markup=False)
                asked = True
                time.sleep(0.5)
        return self._threads


def _apart(jobs: list[Job]) -> list[list[Job]]:
    """Each job by itself, a training together with the measurements right after it."""
    groups: list[list[Job]] = []
    for job in jobs:
        if job.solutions is None:
            groups[-1].append(job)
        else:
            groups.append([job])
    return groups


def run_batch(stamp: str, text: str, declared: bytes, jobs: list[Job]) -> list[Outcome | None]:
    """Run a batch on a worker. stamp: of the code that results must come from. declared: the user's, packed."""
    try:
        shared.unpack(declared)
        spec = from_text(text)
    except InvalidInputError as error:
        raise ClusterError(f"a worker cannot run this sweep: {error}") from None
    mine = code_stamp(spec.family.stamp())
    if stamp != mine:
        raise ClusterError(
            f"a worker runs other code (binland {version('binland')}, stamp {mine}) than this process (stamp"
            f" {stamp}); install the same version on both sides"
        )
    _one_thread(spec.family)
    return execute_all(text, jobs)


@cache
def _one_thread(family: Family[Any]) -> ExitStack:
    """Use one core, for good: the context that would undo it is kept and never closed."""
    stack = ExitStack()
    stack.enter_context(family.one_thread())
    return stack
