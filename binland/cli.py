"""The command line: sweep, status, plot. Bad input is one line on stderr and exit code 2."""

import math
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from binland.errors import BinlandError
from binland.sweep.progress import Reporter, duration, errors

app = typer.Typer(
    help="Sweeps over binary neural networks: train, measure, store, plot.",
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def sweep(
    config: Annotated[Path, typer.Argument(help="TOML file of the sweep.")],
    out: Annotated[Path, typer.Option(help="HDF5 result file; an unfinished one of the same sweep is continued.")],
    smoke: Annotated[bool, typer.Option("--smoke", help="Apply the file's [smoke] table: seconds, not hours.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; all processors by default.")] = None,
) -> None:
    """Run a sweep, or carry on where it stopped."""
    from binland.sweep.run import default_workers, run_sweep

    reporter = Reporter()
    try:
        with reporter:
            store = run_sweep(config, out, default_workers() if workers is None else workers, smoke, reporter)
    except KeyboardInterrupt:
        errors.print(f"interrupted; what is done is in {out}, run the same command to go on", markup=False)
        raise typer.Exit(130) from None
    failures = store.failures()
    typer.echo(f"{out}: {reporter.summary()}")
    if failures:
        errors.print(
            f"{len(failures)} task(s) failed; `binland status {out}` shows why, the same command tries again",
            markup=False,
        )
        raise typer.Exit(1)


@app.command()
def status(file: Annotated[Path, typer.Argument(help="HDF5 result file.")]) -> None:
    """Show how far a sweep is, its failures and the work left."""
    from binland.sweep.run import count_states
    from binland.sweep.store import DONE, Store

    store = Store.open(file)
    states = store.states()
    counts = count_states(states)
    typer.echo(f"{file}: {store.spec.title or 'untitled sweep'}")
    typer.echo(f"{counts['done']} done, {counts['failed']} failed, {counts['left']} left, of {len(states)} tasks")
    times = store.task_seconds()
    spent = sum(times[task] for task, state in states.items() if state == DONE)
    typer.echo(f"{duration(spent)} of work done, about {duration(_work_left(states, times))} left, on one worker")
    for task, failure in store.failures().items():
        typer.echo(f"failed: {task}\n{failure}")


@app.command()
def plot(
    file: Annotated[Path, typer.Argument(help="HDF5 result file.")],
    out: Annotated[Path, typer.Option(help="Folder for the figures, made if missing.")] = Path("figures"),
) -> None:
    """Draw the four panels of the paper's Fig. 6 / Fig. 18 as PNG and PDF."""
    from binland.plots import plot_overview

    for path in plot_overview(file, out):
        typer.echo(str(path))


def _work_left(states: dict[Any, int], times: dict[Any, float]) -> float:
    """Seconds of work left, from the mean time of the finished tasks of the same kind, N and algorithm, or kind."""
    known: dict[Any, list[float]] = {}
    for task, seconds in times.items():
        if not math.isnan(seconds):
            known.setdefault(_group(task), []).append(seconds)
            known.setdefault(type(task), []).append(seconds)
    left = [known.get(_group(task)) or known.get(type(task)) or [0.0] for task in states if math.isnan(times[task])]
    return sum(sum(group) / len(group) for group in left)


def _group(task: Any) -> Any:
    return type(task), task.cell.n_inputs, task.cell.algorithm


def main() -> None:
    """Entry point: errors of the package and of the arguments end in one line and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: errors.print(f"warning: {message}", markup=False)  # type: ignore[assignment]
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0)
    except BinlandError as error:
        message = str(error)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what the argument parser raises has it
            raise
        message = f"{error.format_message().rstrip('.')}; see `binland --help`"
    errors.print(f"error: {message}", markup=False)
    sys.exit(2)
