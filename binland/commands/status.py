"""`binland status`: how far sweeps are."""

from pathlib import Path
from typing import Annotated

import typer

from binland.console import say


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
