"""Figures from result files: the overview, errors along paths, planes through three solutions."""

from pathlib import Path

from binland.plots.overview import draw_overview, plot_overview
from binland.plots.paths import draw_paths
from binland.plots.planes import draw_planes
from binland.plots.style import mean_and_error, read, saved

__all__ = ["mean_and_error", "plot_overview", "plot_results"]


def plot_results(path: str | Path, out: str | Path) -> list[Path]:
    """Draw every figure that a result file has data for, as PNG and PDF; returns their paths.

    STEM: the overview. STEM_paths_AXIS_SIZE: errors along the paths between solutions. STEM_plane_AXIS_SIZE: errors in
    the plane through three solutions. Raises StoreError if the file is missing, foreign or holds no finished task yet,
    InvalidInputError if `out` cannot be written.
    """
    results = read(path)
    written = saved(draw_overview(results), results, out)
    for name, draw in (("paths", draw_paths), ("plane", draw_planes)):
        for size in results.sizes:
            figure = draw(results, size)
            if figure is not None:
                written += saved(figure, results, out, f"_{name}_{results.spec.family.axis}_{size}")
    return written
