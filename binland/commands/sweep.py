"""`binland sweep`: run a sweep, or say what it would cost."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from binland.console import complain, output, say, size
from binland.errors import InvalidInputError, StoreError
from binland.interrupts import tidily


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
        with tidily(), reporter:
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
    say(f"the whole file takes {size(expected.bytes)}")


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        k, n = (int(number) for number in text.split("/"))
    except ValueError:
        raise InvalidInputError(f"--part {text} is not k/n, for example 3/10") from None
    return k, n
