"""Who does the work: this process, worker processes on this machine, or the workers of a Dask scheduler.

A task is handed out with all that it needs, and its result is taken back and kept before the tasks that wait for it are
handed out. So a worker that dies takes nothing along but what it was doing, nothing that is recorded is ever computed
again, and this process holds the results in flight only, however large the sweep.
"""

import json
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

from binland.console import errors
from binland.errors import ClusterError
from binland.sweep.execute import Job, Outcome, execute
from binland.sweep.family import find_family
from binland.sweep.graph import Graph
from binland.sweep.provenance import code_stamp, version
from binland.sweep.spec import SweepSpec
from binland.sweep.tasks import Group, Task, group

if TYPE_CHECKING:
    from distributed import Client, Future

BATCH_SECONDS = 0.25  # work in one message: shorter tasks go together, or messages would cost more than they
IN_LINE = 2  # batches handed out for every thread: one that runs, one that is next
COUNT_EVERY = 2.0  # seconds after which the workers are counted again
LOST = "the Dask scheduler is lost; what is done is safe, run the same command to go on"

Take = Callable[[], Job]
Outcomes = Generator[tuple[Task, Outcome], None, None]
Workers = Callable[[SweepSpec, Graph, Take], Outcomes]


def in_this_process(spec: SweepSpec, graph: Graph, take: Take) -> Outcomes:
    """One task after the other."""
    text = spec.canonical()
    with spec.family.one_thread():
        while graph:
            job = take()
            yield job.task, execute(text, job)


class Cluster:
    """Workers on `count` processes of this machine, or all those of the scheduler with the given address.

    A batch whose worker died goes to another one; a task that has killed several workers has failed. Workers may come
    and go; without any, the sweep waits. Raises ClusterError if no scheduler answers or it is lost, if workers do not
    start and if they run other code.
    """

    def __init__(self, count: int, scheduler: str | None):
        self.count, self.scheduler = count, scheduler

    def __call__(self, spec: SweepSpec, graph: Graph, take: Take) -> Outcomes:
        """Outcomes of all tasks that are or get ready."""
        with self._client(spec) as client:
            yield from _Batches(client, spec, graph, take).run()

    def _client(self, spec: SweepSpec) -> AbstractContextManager["Client"]:
        from binland.sweep.connect import client_of, local_client

        if self.scheduler is not None:
            return client_of(self.scheduler)
        spec.family.warm_up()
        return local_client(self.count)


class _Batches:
    """Tasks handed to a cluster in batches of about BATCH_SECONDS."""

    def __init__(self, client: "Client", spec: SweepSpec, graph: Graph, take: Take):
        from distributed import as_completed

        self._client, self._graph, self._take = client, graph, take
        self._text, self._stamp = spec.canonical(), code_stamp(spec.family.stamp())
        self._finished = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        self._in_flight: dict[Future[Any], list[Job]] = {}
        self._seconds: dict[Group, float] = {}  # of the latest task of a group
        self._threads, self._counted = 0, 0.0
        self._suspects: list[Job] = []  # lost with several workers, perhaps by the fault of a neighbour

    def run(self) -> Outcomes:
        alone = False
        while True:
            while self._graph and not alone and len(self._in_flight) < IN_LINE * self._count_threads():
                self._submit(self._next_batch())
            if not self._in_flight:
                if not self._suspects:
                    return
                alone = True
                self._submit([self._suspects.pop(0)])
            future, results = next(self._finished)
            jobs = self._in_flight.pop(future)
            if future.status == "finished":
                for job, outcome in zip(jobs, results, strict=True):
                    self._seconds[group(job.task)] = outcome.seconds
                    yield job.task, outcome
            else:
                yield from self._after_trouble(future, jobs, results, alone)
            future.release()
            alone = False

    def _next_batch(self) -> list[Job]:
        jobs, expected = [self._take()], 0.0
        while self._graph:
            expected += self._seconds.get(group(jobs[-1].task), BATCH_SECONDS)
            if expected >= BATCH_SECONDS:
                break
            jobs.append(self._take())
        return jobs

    def _submit(self, jobs: list[Job]) -> None:
        future = self._client.submit(run_batch, self._stamp, self._text, jobs, pure=False)
        self._in_flight[future] = jobs
        self._finished.add(future)

    def _after_trouble(self, future: "Future[Any]", jobs: list[Job], results: object, alone: bool) -> Outcomes:
        """The batch did not come back: its workers died, or it could not be run at all.

        Dask blames every task that waited on a worker that died. So each is tried again later, with no other beside it.
        """
        from distributed import KilledWorker

        error = results[1] if isinstance(results, tuple) and len(results) > 1 else results
        if future.status == "error" and isinstance(error, KilledWorker):
            if alone:
                yield jobs[0].task, Outcome({}, float("nan"), f"every worker that tried this task died: {error}")
            else:
                self._suspects += jobs
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
        """Threads of the workers that are there now; waits for the first."""
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


def run_batch(stamp: str, text: str, jobs: list[Job]) -> list[Outcome]:
    """What a worker does; `stamp` names the code that the results are to come from."""
    kind = json.loads(text)["model"]["kind"]
    mine = code_stamp(find_family(kind).stamp())
    if stamp != mine:
        raise ClusterError(
            f"a worker runs other code (binland {version('binland')}, stamp {mine}) than this process (stamp"
            f" {stamp}); install the same version on both sides"
        )
    _one_thread(kind)
    return [execute(text, job) for job in jobs]


@cache
def _one_thread(kind: str) -> ExitStack:
    """A worker takes one core, for good: the stack that would undo it is kept and never closed."""
    stack = ExitStack()
    stack.enter_context(find_family(kind).one_thread())
    return stack
