"""Write the figures of a file of results: pictures, and CSV tables of what they show."""

import os
from collections.abc import Sequence
from pathlib import Path

from binland.checks import checked_path, true_or_false
from binland.disk import new_version, why
from binland.errors import InvalidInputError, StoreError
from binland.plots.chart import Chart
from binland.plots.charts import charts_of, chosen
from binland.plots.page import Page
from binland.plots.provenance import source_of
from binland.plots.results import read
from binland.plots.table import table_of


def plot_results(
    path: str | Path,
    out: str | Path,
    theory: bool = False,
    page: Page | None = None,
    csv: bool = False,
    only: Sequence[str] = (),
) -> list[Path]:
    """Draw every figure that a file of results has data for.

    The names of the figures begin with the name of the file, such as fig6: ``fig6`` is the overview,
    ``fig6_paths_n_inputs_1001`` shows errors along the paths between solutions with N = 1001, ``fig6_plane_...`` errors
    in the plane through three solutions, ``fig6_success`` how often training succeeds, ``fig6_across`` barriers between
    solutions of two algorithms; other measures have figures of their own. Those of a plug-in need the plug-in imported,
    otherwise there is a warning. Every picture stores in its metadata from which file it was drawn:
    ``binland info FIGURE`` shows it.

    Parameters
    ----------
    path : str or pathlib.Path
        HDF5 file of a sweep, finished or not.
    out : str or pathlib.Path
        Folder of the figures, made if missing. Figures that binland drew before are replaced, other files never.
    theory : bool, default False
        Whether to add curves of theory and closed forms, where there are some.
    page : Page, optional
        Style and formats; by default for a screen, as PNG and PDF.
    csv : bool, default False
        Whether to write what each figure shows as a table, too: FIGURE.csv.
    only : sequence of str, default ()
        Names of panels, each drawn as a figure of its own; `panels` lists them. By default all figures are drawn.

    Returns
    -------
    list of pathlib.Path
        The files that were written.

    Raises
    ------
    StoreError
        If the file is missing, not a file of binland's results or without a finished task, or `out` has a file of the
        same name that binland did not draw.
    InvalidInputError
        If an argument is not allowed or `out` cannot be written.

    Examples
    --------
    >>> import binland as bl
    >>> bl.plots.plot_results("fig6.h5", "figures")  # doctest: +SKIP
    >>> page = bl.plots.Page("paper", formats=["pdf"], width=86)
    >>> bl.plots.plot_results("fig6.h5", "figures", page=page, only=["barrier"])  # doctest: +SKIP
    """
    page, folder = page or Page(), checked_path("out", out)
    results = read(path, true_or_false("theory", theory))
    charts = chosen(results, only) if only else charts_of(results)
    origin, written = source_of(results.path, results.settings), []
    for ending, chart in charts.items():
        name, shown = f"{results.path.stem}{ending}", {"figure": ending} if ending else {}
        with page.settings():
            written += page.save(page.draw(chart), folder, name, origin | shown)
        if true_or_false("csv", csv):
            written.append(_write_table(chart, folder / f"{name}.csv"))
    return written


def _write_table(chart: Chart, target: Path) -> Path:
    """Write the table of a chart as CSV; replaces only tables that binland wrote."""
    text = table_of(chart).to_csv(index=False)
    try:
        if os.path.lexists(target) and not _is_ours(target):
            raise StoreError(f"{target}: is there already and no table of binland; choose another --out")
        with new_version(target) as part:
            part.write_text(text, encoding="utf-8", newline="")
            os.replace(part, target)
    except OSError as error:
        raise InvalidInputError(f"{target}: cannot be written ({why(error)}); choose another --out") from None
    return target


def _is_ours(target: Path) -> bool:
    if not target.is_file():
        return False
    with target.open(encoding="utf-8", errors="replace") as file:
        first = file.readline(200)
    return first.startswith(("panel,x_label,y_label,", "panel,inset,x_label,y_label,"))
