"""Running a sweep: tasks that are ready go to a local process pool, one writer stores what comes back."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path

from threadpoolctl import threadpool_limits

from binland.algorithms import RSGD
from binland.bits import Signs
from binland.data import HiddenManifold, positive_int
from binland.errors import StoreError
from binland.flatness import local_energy
from binland.models import CommitteeMachine
from binland.paths import shortest_path
from binland.sweep.execute import Arrays, execute
from binland.sweep.problem import build_machine
from binland.sweep.progress import Progress, Reporter
from binland.sweep.spec import SweepSpec, load_spec
from binland.sweep.store import DONE, FAILED, LEFT, Store
from binland.sweep.tasks import SolutionTask, Task, all_tasks
from binland.training import fit

Report = Callable[[Progress], None]


def run_sweep(
    config: str | Path | SweepSpec,
    out: str | Path,
    workers: int = 1,
    smoke: bool = False,
    report: Report | None = None,
) -> Store:
    """Run a sweep into a result file, or carry on where it stopped; the numbers do not depend on `workers`.

    config: path of a TOML file, or a checked SweepSpec. out: HDF5 file; made if missing, continued if it holds this
    very sweep, and refused otherwise. workers: processes, one thread each; 1 runs in this process (more need the
    usual `if __name__ == "__main__":` guard in a script). smoke: apply the file's [smoke] table. report: called after
    every task, instead of the progress bar (off a terminal: a log line a minute). A task that fails is recorded with
    its traceback and the sweep goes on.
    Raises InvalidInputError on a bad configuration, StoreError on a file that is foreign, of another configuration,
    in use or not writable. On KeyboardInterrupt what is done is in the file; call again to go on.
    """
    spec = config if isinstance(config, SweepSpec) else load_spec(config, smoke)
    positive_int("workers", workers)
    store = Store.open_or_create(out, spec)
    with store.writing(), Reporter() if report is None else nullcontext(report) as tell:
        states = store.states()
        done = sum(state == DONE for state in states.values())
        failed, began = 0, time.perf_counter()
        unfinished = [task for task in all_tasks(spec) if states[task] != DONE]
        before = done
        queue = _Queue(spec, store, unfinished)
        for task, arrays in _pooled(queue, workers) if workers > 1 and unfinished else _serial(queue):
            store.record(task, arrays)
            queue.finish(task, arrays)
            failed += "failure" in arrays
            done += "failure" not in arrays
            tell(Progress(done, failed, len(states), time.perf_counter() - began, before))
    return store


def warm_up() -> None:
    """Compile every kernel of a sweep once (or load it), so that workers only load: some 5 s on a new machine."""
    patterns = HiddenManifold(3, 2, seed=0).sample(4, seed=0)
    machine = CommitteeMachine(3, 3)
    settings = RSGD(epochs=1, replicas=2)
    solutions = [fit(machine, patterns, settings, seed) for seed in (0, 1)]
    local_energy(solutions[0], patterns, [0.5], 1)
    shortest_path(solutions[0], solutions[1], patterns, seed=0)


class _Queue:
    """Tasks to do; a pair is ready once its two solutions are in the store."""

    def __init__(self, spec: SweepSpec, store: Store, unfinished: list[Task]):
        self.spec, self.store = spec, store
        self.text = spec.canonical()
        self.missing = {task for task in unfinished if isinstance(task, SolutionTask)}
        self.waiting = list(unfinished)

    def next_ready(self) -> Task | None:
        """The first task that can run now, taken out of the queue."""
        for place, task in enumerate(self.waiting):
            if isinstance(task, SolutionTask) or not any(need in self.missing for need in task.needs):
                return self.waiting.pop(place)
        return None

    def finish(self, task: Task, arrays: Arrays) -> None:
        """Take note of a recorded result."""
        if not isinstance(task, SolutionTask):
            return
        if "failure" in arrays:  # its pairs cannot be measured
            self.waiting = [
                other for other in self.waiting if isinstance(other, SolutionTask) or task not in other.needs
            ]
        self.missing.discard(task)

    def arguments(self, task: Task) -> tuple[str, Task, tuple[Signs, ...]]:
        """What `execute` is called with."""
        if isinstance(task, SolutionTask):
            return self.text, task, ()
        shape = build_machine(self.spec, task.cell.n_inputs, task.cell.disorder).weight_shape
        return self.text, task, tuple(self.store.weights(need, shape) for need in task.needs)


def _serial(queue: _Queue) -> Iterator[tuple[Task, Arrays]]:
    with threadpool_limits(1):
        while (task := queue.next_ready()) is not None:
            yield task, execute(*queue.arguments(task))


def _pooled(queue: _Queue, workers: int) -> Iterator[tuple[Task, Arrays]]:
    warm_up()
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_prepare_worker)
    running: dict[Future[Arrays], Task] = {}
    try:
        while True:
            while len(running) < workers + 1 and (task := queue.next_ready()) is not None:
                running[pool.submit(execute, *queue.arguments(task))] = task
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield running.pop(future), future.result()
    except BrokenProcessPool:
        raise StoreError(
            f"a worker process died; {queue.store.path} is intact, run the same command to go on"
        ) from None
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _prepare_worker() -> None:
    """One thread per worker; Ctrl-C is the parent's business; without the parent there is no work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def default_workers() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_states(states: dict[Task, int]) -> dict[str, int]:
    """Number of tasks done, failed and left."""
    values = list(states.values())
    return {name: values.count(code) for name, code in (("done", DONE), ("failed", FAILED), ("left", LEFT))}
