"""`binland plot` and `binland report`: figures and pages of result files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from binland.console import say, size
from binland.interrupts import tidily


def plot(
    file: Annotated[Path, typer.Argument(help="HDF5 result file.")],
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
    with tidily():
        for path in plot_results(file, out, theory, page, csv, panel or ()):
            say(str(path))


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
    with tidily():
        path = written(files, out, theory, chosen)
    say(f"{path}: {size(path.stat().st_size)}")


def _statements(config: Path) -> "list[Any]":
    from binland.sweep.config import load_spec
    from binland.sweep.contracts.statement import Statement

    return [Statement.model_validate(table) for table in load_spec(config).figure.get("statements", [])]
