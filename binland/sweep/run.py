"""`run_sweep`: ready tasks go to workers, and one writer stores what they return."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from binland.checks import checked_path, positive_int, true_or_false
from binland.errors import InvalidInputError, shown
from binland.extras import missing
from binland.interrupts import watched
from binland.log import logger
from binland.sweep.blame import blamed
from binland.sweep.config import load_spec, spec_of
from binland.sweep.execute import needed
from binland.sweep.file import Sweep
from binland.sweep.graph import Graph
from binland.sweep.progress import Progress, Reporter, Tally
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import DONE, FAILED, LEFT, layout_of
from binland.sweep.store.writer import Writer, writing
from binland.sweep.tasks import Job, Outcome, Task, in_words
from binland.sweep.workers import Cluster, Outcomes, Workers, in_this_process

Report = Callable[[Progress], None]


def run_sweep(
    config: str | Path | Mapping[str, Any] | SweepSpec,
    out: str | Path,
    workers: int = 1,
    smoke: bool = False,
    report: Report | None = None,
    *,
    profile: str | None = None,
    scheduler: str | None = None,
    extend: bool = False,
    retry_failed: bool = False,
    part: tuple[int, int] | None = None,
    progress: bool = True,
) -> Sweep:
    """Run a sweep into a file, or continue one that was interrupted.

    Results do not depend on the number of workers or on interruptions. A task that fails is recorded with its traceback
    and the sweep goes on; a task recorded as done is never run again. After Ctrl-C everything done so far is in the
    file: call again to go on.

    Parameters
    ----------
    config : str, pathlib.Path, dict or SweepSpec
        A TOML file, its tables as a dict, or a checked configuration.
    out : str or pathlib.Path
        HDF5 file of results. It is made if missing, continued if it holds this very sweep, and refused otherwise.
    workers : int, default 1
        Number of processes, one thread each. With 1 the tasks run in this process; more need the usual
        ``if __name__ == "__main__":`` in a script.
    smoke : bool, default False
        The same as ``profile="smoke"``.
    report : callable, optional
        Called after every task with a `Progress`, instead of the progress bar. It has the numbers of tasks ``done``,
        ``failed`` and in ``total``, ``seconds`` so far and ``seconds_left``, and ``finished`` tasks of this run.
    profile : str, optional
        Apply the table [profile.NAME] of the configuration, such as "smoke" or "cpu", which makes the sweep smaller.
    scheduler : str, optional
        Address of a running Dask scheduler, such as "tcp://host:8786"; its workers do the work.
    extend : bool, default False
        Allow a configuration with a larger grid or more measures than the file has; only what is missing is computed.
    retry_failed : bool, default False
        Run failed tasks again.
    part : tuple of int, optional
        (k, n) runs the k-th of n parts of the sweep, k from 1. A part is a set of grid points and disorder samples;
        `binland merge` joins n files of parts.
    progress : bool, default True
        Whether to show how far the run is: a bar on a terminal or in a notebook, elsewhere a line a minute on stderr.

    Returns
    -------
    Sweep
        The file; print it for a summary. ``.results()`` reads its numbers, ``.solution(...)`` one of its solutions.

    Raises
    ------
    InvalidInputError
        If the configuration or an argument is wrong.
    DataError
        If data files are missing.
    StoreError
        If the file is of another kind or configuration, in use, or cannot be written.
    ClusterError
        If the workers are lost.

    Examples
    --------
    >>> import binland as bl
    >>> sweep = bl.run_sweep("experiments/fig6_committee.toml", "smoke.h5", smoke=True)  # doctest: +SKIP
    >>> sweep.results().test_error.mean("solution")  # doctest: +SKIP
    """
    switches = {"smoke": smoke, "extend": extend, "retry_failed": retry_failed, "progress": progress}
    for name, value in switches.items():
        true_or_false(name, value)
    positive_int("workers", workers)
    if report is not None and not callable(report):
        raise InvalidInputError(f"report={shown(report)} is not a function of a Progress")
    if not isinstance(scheduler, str | None):
        raise InvalidInputError(f"scheduler={shown(scheduler)} is not an address like tcp://host:8786")
    out, spec = checked_path("out", out), _spec(config, chosen_profile(smoke, profile))
    part = None if part is None else _checked(part)
    wanted = wanted_tasks(spec, part)
    if scheduler is None:
        with blamed():
            check_ready(spec)
    silent = report is not None or not progress
    reporter = nullcontext(report or _nothing) if silent else Reporter()
    with watched() as signals, writing(out, spec, extend, part) as writer, reporter as tell:
        repeated = (LEFT, FAILED) if retry_failed else (LEFT,)
        unfinished = [task for task in wanted if writer.states[task] in repeated]
        graph = Graph(unfinished, (task for task, state in writer.states.items() if state == DONE))
        logger.info("%s: %d of %d tasks to do", out, len(unfinished), len(wanted))
        if graph:
            tally = Tally({task: writer.states[task] for task in wanted}, writer.store.seconds())
            team = in_this_process if scheduler is None and workers == 1 else Cluster(workers, scheduler)
            with closing(_work(spec, writer, graph, team)) as work:  # ends the workers, whatever happens here
                for task, outcome in work:
                    signals.check()
                    _log(spec, task, outcome)
                    tell(tally.finish(task, writer.states[task], outcome.seconds))
    logger.info("%s: the run is over", out)
    return Sweep.open(out)


def _nothing(_: Progress) -> None:
    """What a run without progress says after every task."""


def _log(spec: SweepSpec, task: Task, outcome: Outcome) -> None:
    name = in_words(spec.axes, task)
    if outcome.failure:
        logger.warning("failed: %s: %s", name, outcome.failure.strip().splitlines()[-1])
    else:
        logger.debug("done in %.3g s: %s", outcome.seconds, name)


def _spec(config: str | Path | Mapping[str, Any] | SweepSpec, profile: str | None) -> SweepSpec:
    """The checked configuration, from a file, a dict or a SweepSpec."""
    if isinstance(config, Mapping):
        return spec_of(config, "config", profile)
    if not isinstance(config, SweepSpec):
        return load_spec(config, profile)
    if profile is not None:
        raise InvalidInputError(f"profile={shown(profile)} chooses a table of a file; a SweepSpec has none")
    return config


def _work(spec: SweepSpec, writer: Writer, graph: Graph, outcomes_of: Workers) -> Outcomes:
    """Hand out tasks that are ready, record their outcomes, and yield them."""

    def take() -> Job:
        task = graph.pop()
        writer.start([task])
        names = needed(spec, task)
        return Job(task, tuple(writer.arrays(need, names) for need in task.needs))

    with closing(outcomes_of(spec, graph, take)) as outcomes:
        for task, outcome in outcomes:
            writer.record(task, outcome)
            if writer.states[task] == DONE:
                graph.done(task)
            yield task, outcome


def check_ready(spec: SweepSpec) -> None:
    """Raise at once what every task would raise: missing libraries or data."""
    setups = [spec.at(point) for point in spec.points]
    spec.family.check_ready(setups[0].model, spec.compute)  # libraries, before data are looked for
    for data in {setup.data.model_dump_json(): setup.data for setup in setups}.values():
        spec.problem.check_ready(data)
    for name, (measure, _) in spec.measures.items():
        _check_libraries(f"measure.{name}", measure.libraries)


def _check_libraries(what: str, modules: Sequence[str]) -> None:
    """Raise InvalidInputError if a module is not installed."""
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise InvalidInputError(missing(what, error) or f"{what} needs {module}; install it") from None


def chosen_profile(smoke: bool, profile: str | None) -> str | None:
    """The profile asked for by `smoke` or by `profile`."""
    if not isinstance(profile, str | None) or (smoke and profile not in (None, "smoke")):
        also = "smoke and " if smoke else ""
        raise InvalidInputError(f"{also}profile={shown(profile)}: give one name of a table of the file")
    return "smoke" if smoke else profile


def wanted_tasks(spec: SweepSpec, part: tuple[int, int] | None) -> list[Task]:
    """The tasks of a run; warns if there are none."""
    wanted = of_part(layout_of(spec).tasks(), part)
    if part is not None and not wanted:
        samples = len(spec.points) * spec.disorder_samples
        message = f"part = {part[0]}/{part[1]} has no tasks: points and disorder samples make {samples} parts at most"
        warnings.warn(message, stacklevel=3)
    return wanted


def of_part(tasks: list[Task], part: tuple[int, int] | None) -> list[Task]:
    """The tasks of part (k, n): every n-th pair of disorder sample and grid point, from the k-th on."""
    if part is None:
        return tasks
    k, n = _checked(part)
    samples = list(dict.fromkeys((task.cell.disorder, task.cell.point) for task in tasks))
    chosen = set(samples[k - 1 :: n])
    return [task for task in tasks if (task.cell.disorder, task.cell.point) in chosen]


def of_runs(tasks: list[Task], runs: object) -> tuple[list[Task], str]:
    """The tasks that the runs of a file were about, and in words which parts these are.

    runs: as `Snapshot.runs` gives them. If one run was about the whole grid: all tasks, and an empty text.
    """
    parts = [run.get("part") if isinstance(run, dict) else None for run in runs] if isinstance(runs, list) else []
    try:
        checked = sorted({_checked(part) for part in parts})
    except InvalidInputError:
        return tasks, ""
    wanted = {task for part in checked for task in of_part(tasks, part)}
    words = f"part{'s' if len(checked) > 1 else ''} {', '.join(f'{k}/{n}' for k, n in checked)}"
    return ([task for task in tasks if task in wanted], words) if checked else (tasks, "")


def _checked(part: object) -> tuple[int, int]:
    if not isinstance(part, tuple | list) or len(part) != 2:
        raise InvalidInputError(f"part={shown(part)} is not two numbers (k, n), for example (3, 10)")
    k, n = (positive_int(f"{name} of part", number) for name, number in zip("kn", part, strict=True))
    if k > n:
        raise InvalidInputError(f"part = {k}/{n} is not one of 1/{n} ... {n}/{n}")
    return k, n
