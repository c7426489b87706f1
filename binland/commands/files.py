"""`binland export` and `binland merge`: files made of result files."""

from pathlib import Path
from typing import Annotated

import typer

from binland.console import say
from binland.interrupts import tidily


def export(
    file: Annotated[Path, typer.Argument(help="HDF5 result file.")],
    csv: Annotated[Path, typer.Option(help="New CSV file: one row per measurement.")],
) -> None:
    """Write every measurement as tidy CSV."""
    from binland.sweep.export import export_csv

    with tidily():
        say(f"{csv}: {export_csv(file, csv)} rows")


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
    with tidily():
        counts = count_states(merged(files, out).states())
    say(f"{out}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
