"""The command line `binland`. Bad input gives one line on stderr and exit code 2; `sweep` lists the other codes.

Commands import what they need when they run, so that --help is quick and Ctrl-C gives one line from the start.
"""

import errno
import math
import os
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from binland.console import complain, output, say
from binland.errors import BinlandError, InvalidInputError, StoreError
from binland.extras import missing
from binland.interrupts import ENDING, leave, watched
from binland.version import version

app = typer.Typer(
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
EXTRAS = {"plot": "plot", "report": "report"}  # extra of the installation by command; all other commands need "sweep"
PATIENCE = 10.0  # seconds after Ctrl-C; after that another one ends the process at once
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)  # errors of writing to stdout
ResultFile = Annotated[Path, typer.Argument(help="HDF5 result file.")]


def _version(asked: bool) -> None:
    if asked:
        say(f"binland {version()}")
        raise typer.Exit


@app.callback()
def _binland(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Sweeps over binary neural networks: train, measure, store, plot."""


@app.command()
def sweep(
    config: Annotated[Path, typer.Argument(help="TOML file of the sweep.")],
    out: Annotated[
        Path | None, typer.Option(help="HDF5 result file; an unfinished one of the same sweep is continued.")
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Apply the file's [smoke] table: seconds, not hours.")] = False,
    profile: Annotated[
        str | None, typer.Option(help="Apply the file's table of that name: smoke, or cpu for a small computer.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine; all processors by default.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a running Dask scheduler, e.g. tcp://host:8786; its workers work.")
    ] = None,
    extend: Annotated[
        bool, typer.Option("--extend", help="A larger grid or more measures than the file's: add the new tasks.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed tasks again.")] = False,
    part: Annotated[
        str | None, typer.Option(help="k/n: only the k-th of n parts of the grid (array jobs); see `binland merge`.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show tasks, expected time and size of the file; writes nothing.")
    ] = False,
) -> None:
    """Run a sweep, or carry on where it stopped.

    Exit codes: 0 all tasks are done, 1 some have failed, 2 bad input or a file that cannot be written, 130 interrupted.
    """
    from binland.sweep.progress import Reporter
    from binland.sweep.provenance import default_workers
    from binland.sweep.run import chosen_profile, of_part, run_sweep
    from binland.sweep.store.layout import FAILED, LEFT

    count = default_workers() if workers is None else workers
    chosen, table = _part(part), chosen_profile(smoke, profile)
    if workers is not None and scheduler is not None:
        raise InvalidInputError("--workers starts processes here, --scheduler uses those of a cluster; give one")
    if dry_run:
        _dry_run(config, out, table, extend, retry_failed, chosen, count)
        return
    if out is None:
        raise InvalidInputError("missing option --out; give the path of the HDF5 result file")
    reporter = Reporter()
    try:
        with _tidily(), reporter:
            store = run_sweep(
                config, out, count, report=reporter, profile=table,
                scheduler=scheduler, extend=extend, retry_failed=retry_failed, part=chosen,
            )  # fmt: skip
    except KeyboardInterrupt:
        complain(f"interrupted; what is done is in {out}, run the same command to go on")
        sys.exit(130)
    say(f"{out}: {reporter.summary()}")
    states = store.states()
    counts = Counter(states[task] for task in of_part(list(states), chosen))
    if counts[FAILED]:
        advice = f"`binland status {out}` shows why, --retry-failed tries them again"
        complain(f"{counts[FAILED]} task(s) failed; {advice}")
        raise typer.Exit(1)
    if counts[LEFT]:
        raise StoreError(f"{out}: {counts[LEFT]} of the tasks are not in it; run the same command to go on")


@app.command()
def status(files: Annotated[list[Path], typer.Argument(help="HDF5 result files.")]) -> None:
    """Show progress, writer, failures and work left. Also while it runs, and of several files.

    Running tasks have been given to a worker; a worker has the one that it computes and the next in line. Of a file
    that was made with --part its part of the grid is shown.
    """
    for file in files:
        _status(file)


def _status(file: Path) -> None:
    from binland.sweep.progress import Forecast, duration
    from binland.sweep.run import of_runs
    from binland.sweep.store.layout import DONE
    from binland.sweep.store.lock import describe
    from binland.sweep.store.store import Store, count_states
    from binland.sweep.tasks import in_words

    store = Store.open(file)
    writer = store.writer()
    with store.snapshot() as snapshot:
        states, times, failures = snapshot.states(), snapshot.seconds(), snapshot.failures()
        pace = snapshot.pace()
        whole = len(states)
        wanted, part = of_runs(list(states), snapshot.runs())
        states = {task: states[task] for task in wanted}
        counts = count_states(states, snapshot.running if writer is not None else ())
    blocked = counts.pop("blocked")
    counts["left"] += blocked
    say(f"{file}: {store.title or 'untitled sweep'}")
    say(f"{describe(writer)} is writing it" if writer is not None else "nobody is writing it")
    shown = ", ".join(f"{count} {name}" for name, count in counts.items())
    why = f" ({blocked} of them blocked by a failure)" if blocked else ""
    of_whole = f" (the whole grid has {whole})" if part else ""
    say(f"{part}{': ' if part else ''}{shown}{why}, of {len(states)} tasks{of_whole}")
    spent = sum(times[task] for task, state in states.items() if state == DONE)
    left = Forecast(states, times).work
    soon = f", {duration(left / pace)} at the present pace" if writer is not None else ""
    expected = f"about {duration(left)} left on one worker{soon}" if spent else "time left unknown"
    say(f"{duration(spent)} of work done, {expected}")
    for task, failure in failures.items():
        say(f"failed: {in_words(store.layout.axes, task)}\n{failure}")


@app.command()
def plot(
    file: ResultFile,
    out: Annotated[Path, typer.Option(help="Folder for the figures, made if missing.")] = Path("figures"),
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="<module>", help="Module, or file in this folder, that declares a measure of the file."),
    ] = None,
    theory: Annotated[
        bool, typer.Option("--theory", help="Lay curves of theory and closed forms over what was measured.")
    ] = False,
    style: Annotated[str, typer.Option(help="screen, paper, talk, or a style file of matplotlib.")] = "screen",
    format: Annotated[str, typer.Option(help="Formats, with commas between them: png, pdf, svg.")] = "png,pdf",
    dpi: Annotated[
        int | None, typer.Option(help="Pixels per inch of PNG files; by default 150, for a paper 600.")
    ] = None,
    width: Annotated[
        float | None, typer.Option(help="Width of a figure in mm, for example 86 for a column of a paper.")
    ] = None,
    no_title: Annotated[bool, typer.Option("--no-title", help="Leave the headline to the caption.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Let LaTeX, which must be installed, set all text.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Also write what each figure shows as a table.")] = False,
    panel: Annotated[
        list[str] | None,
        typer.Option(metavar="<name>", help="Only this panel, in a figure of its own; a wrong name lists them."),
    ] = None,
) -> None:
    """Draw every figure that the file has data for.

    `binland info FIGURE` shows later from which file a figure was drawn.
    """
    from binland.plots.files import plot_results
    from binland.plots.page import Page
    from binland.sweep.plugins import load

    page = Page(style, tuple(word.strip() for word in format.split(",")), dpi, width, not no_title, latex)
    load(plugin or (), Path.cwd())
    with _tidily():
        for path in plot_results(file, out, theory, page, csv, panel or ()):
            say(str(path))


@app.command()
def report(
    files: Annotated[list[Path], typer.Argument(help="HDF5 result files, shown side by side.")],
    out: Annotated[Path, typer.Option(help="New HTML file.")] = Path("report.html"),
    plugin: Annotated[
        list[str] | None, typer.Option(help="Module, or file in this folder, that declares a measure of the files.")
    ] = None,
    theory: Annotated[
        bool, typer.Option("--theory", help="Lay curves of theory and closed forms over what was measured.")
    ] = False,
    statements: Annotated[
        Path | None, typer.Option(help="Configuration whose [[figure.statements]] are checked, not the files' own.")
    ] = None,
) -> None:
    """Write a page with interactive figures.

    It opens in a browser without network.
    """
    from binland.reports.page import report as written
    from binland.sweep.plugins import load

    load(plugin or (), Path.cwd())
    chosen = None if statements is None else _statements(statements)
    with _tidily():
        path = written(files, out, theory, chosen)
    say(f"{path}: {_size(path.stat().st_size)}")


def _statements(config: Path) -> "list[Any]":
    from binland.sweep.config import load_spec
    from binland.sweep.contracts.statement import Statement

    return [Statement.model_validate(table) for table in load_spec(config).figure.get("statements", [])]


@app.command()
def export(
    file: ResultFile,
    csv: Annotated[Path, typer.Option(help="New CSV file: one row per measurement.")],
) -> None:
    """Write every measurement as tidy CSV."""
    from binland.sweep.export import export_csv

    with _tidily():
        say(f"{csv}: {export_csv(file, csv)} rows")


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(help="Result files of one sweep, made apart.")],
    out: Annotated[Path, typer.Option(help="New HDF5 result file.")],
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="<module>", help="Module, or file in this folder, with which they were made."),
    ] = None,
) -> None:
    """Put result files of one sweep together. Where they overlap they must agree."""
    from binland.sweep.plugins import load
    from binland.sweep.store.merge import merge as merged
    from binland.sweep.store.store import count_states

    load(plugin or (), Path.cwd())
    with _tidily():
        counts = count_states(merged(files, out).states())
    say(f"{out}: {', '.join(f'{count} {name}' for name, count in counts.items())}")


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="HDF5 result file, or a figure that was drawn from one.")],
    toml: Annotated[bool, typer.Option("--toml", help="Only the configuration.")] = False,
) -> None:
    """Show how a file was made, and its configuration.

    The configuration is TOML: redirected into a file, it runs the sweep again. Of a figure, show its result file.
    """
    from binland.sweep.info import configuration_text, facts

    if file.suffix.lower() in (".png", ".pdf", ".svg"):
        _figure_info(file, toml)
        return
    if not toml:
        for name, value in facts(file).items():
            say(f"# {name}: {value}")
        say("")
    say(configuration_text(file))


def _figure_info(figure: Path, toml: bool) -> None:
    from binland.plots.provenance import result_file, source
    from binland.sweep.info import configuration_text

    origin = source(figure)
    if origin is None:
        raise InvalidInputError(
            f"{figure}: says nothing about a result file; binland did not draw it, or its metadata are gone"
        )
    path = result_file(figure, origin)
    if toml:
        if path is None:
            raise InvalidInputError(f"{figure}: its result file {origin['file']} is {NOWHERE}; bring it there")
        say(configuration_text(path))
        return
    for name, value in origin.items():
        say(f"{name}: {value}")
    say(f"result file: {NOWHERE if path is None else path}")


NOWHERE = "not in the folder of the figure, nor here, nor in the folders above"


@app.command()
def show_config() -> None:
    """Show versions, processor and folders, for a bug report."""
    from binland.environment import show_config as show

    show()


def _dry_run(
    config: Path,
    out: Path | None,
    profile: str | None,
    extend: bool,
    retry: bool,
    part: tuple[int, int] | None,
    workers: int,
) -> None:
    from binland.checks import positive_int
    from binland.sweep.config import load_spec
    from binland.sweep.estimate import estimate
    from binland.sweep.progress import duration
    from binland.sweep.run import check_ready, wanted_tasks
    from binland.sweep.store.changes import check_ids
    from binland.sweep.store.layout import DONE, FAILED
    from binland.sweep.store.writer import checked
    from binland.sweep.tasks import group

    spec = load_spec(config, profile)
    check_ready(spec)
    positive_int("workers", workers)
    tasks = wanted_tasks(spec, part)
    states = {}
    if out is not None and out.exists():
        store = checked(out, spec, extend)
        with store.snapshot() as snapshot:
            check_ids(store, snapshot)
            states = snapshot.states()
    finished = (DONE,) if retry else (DONE, FAILED)
    left = [task for task in tasks if states.get(task) not in finished]
    expected = estimate(spec)
    symbols = [axis.symbol for axis in spec.axes]
    table = Table("kind", *symbols, "algorithm", "tasks", "left", "s per task", box=None, header_style="")
    counts = [Counter(map(group, some)) for some in (tasks, left)]
    for key, seconds in expected.seconds.items():
        kind, point, label = key
        values = [str(value) for value in spec.values(point).values()]
        table.add_row(kind, *values, escape(label), *(str(count[key]) for count in counts), f"{seconds:.2g}")
    output.print(table)
    work = expected.work(left)
    if spec.family.latents and not spec.latents:
        say("latent weights are not kept: store.latents = true keeps them for measures that are added later")
    say(f"{len(left)} of {len(tasks)} tasks to do: {duration(work)} of work on one idle core like this")
    say(f"about {duration(work / workers)} on {workers} worker(s), if each has a core to itself")
    say(f"the whole file takes {_size(expected.bytes)}")


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        k, n = (int(number) for number in text.split("/"))
    except ValueError:
        raise InvalidInputError(f"--part {text} is not k/n, for example 3/10") from None
    return k, n


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.3g} {unit}"


class _Once:
    """A signal handler that raises KeyboardInterrupt at the first signal and ignores others while files are closed.

    After PATIENCE seconds another signal ends the process at once; nothing that is recorded is lost by that either.
    """

    def __init__(self) -> None:
        self._first = math.inf

    def __call__(self, *_: object) -> None:
        now = time.monotonic()
        if self._first == math.inf:
            self._first = now
            raise KeyboardInterrupt
        if now - self._first > PATIENCE:
            leave()


@contextmanager
def _tidily() -> Iterator[None]:
    """Close files in order when a signal ends the program; a SIGHUP that is ignored, as by nohup, stays ignored."""
    once = _Once()
    for number in ENDING:
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, once)
    with watched():
        yield


def run() -> None:
    """Run the command line; errors of binland and of the arguments give one line and exit code 2."""
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGINT, leave)
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="binland", standalone_mode=False) or 0
        if code == 130:  # how typer reports Ctrl-C in a command that does not handle it
            raise KeyboardInterrupt
        sys.exit(code)
    except BinlandError as error:
        message = str(error)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted; nothing is lost")
        sys.exit(130)
    except OSError as error:
        if error.filename is not None or error.errno not in NO_ROOM:
            raise
        _drop_output()
        message = f"the output cannot be written ({error.strerror}); free space, or write it elsewhere"
    except ModuleNotFoundError as error:
        message = _missing(error)
        if not message:
            raise
    except Exception as error:
        if not hasattr(error, "format_message"):  # errors of the argument parser have it
            raise
        message = f"{error.format_message().rstrip('.')}; see `binland --help`"
    complain(f"error: {message}")
    sys.exit(2)


def _missing(error: ModuleNotFoundError) -> str:
    """A line that says which extra to install for the command; "" if none has the missing module."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return missing(f"binland {command}", error, EXTRAS.get(command, "sweep"))


def _drop_output() -> None:
    """Throw away output that cannot be written, which Python would try to write again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run the command line inside another program, and restore its signal handlers afterwards."""
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    complain(f"warning: {message}")
