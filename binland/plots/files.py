"""Figures of a result file as files: pictures, and tables of what they show."""

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
    """Draw every figure that a result file has data for.

    STEM: the overview. STEM_paths_AXIS_VALUE: errors along the paths between solutions. STEM_plane_AXIS_VALUE: errors
    in the plane through three solutions. STEM_success: how often training succeeds. STEM_across: barriers between two
    algorithms. Measures of plug-ins may have others; they are drawn if the plug-in has been imported, else a warning
    says so. Each picture says in its metadata from which file it was drawn (`binland info FIGURE`).

    Parameters
    ----------
    path : str or path
        The HDF5 file of a sweep, finished or not.
    out : str or path
        Folder of the figures, made if missing. Figures that binland drew before are replaced, other files are not.
    theory : bool
        Lay curves of theory and closed forms over what was measured, where there are some.
    page : Page, optional
        Style and format; by default for a screen, as PNG and PDF.
    csv : bool
        Also write what each figure shows as a table, FIGURE.csv.
    only : sequence of str
        Names of panels, a figure for each; see `binland.plots.panels`. By default all figures are drawn as they are.

    Returns
    -------
    list of pathlib.Path
        The files that were written.

    Raises
    ------
    StoreError
        If the file is missing, foreign or holds no finished task yet, or a file of the same name is no figure of ours.
    InvalidInputError
        If an argument is not allowed or `out` cannot be written.
    """
    page, folder = page or Page(), checked_path("out", out)
    results = read(path, true_or_false("theory", theory))
    charts = chosen(results, only) if only else charts_of(results)
    written = []
    for ending, chart in charts.items():
        name, origin = f"{results.path.stem}{ending}", source_of(results.path, ending)
        with page.settings():
            written += page.save(page.draw(chart), folder, name, origin)
        if true_or_false("csv", csv):
            written.append(_write_table(chart, folder / f"{name}.csv"))
    return written


def _write_table(chart: Chart, target: Path) -> Path:
    """Write what a chart shows; replaces tables of ours only."""
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
    with target.open(encoding="utf-8", errors="replace") as file:
        first = file.readline(200)
    return first.startswith("panel,") and "x_label,y_label" in first
