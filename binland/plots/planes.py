"""Train errors in the plane through three solutions (Fig. 8 of the paper), a figure for each size."""

import itertools

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from binland.plots.legend import framed
from binland.plots.style import Results, headline, plain, short, wrapped
from binland.sweep.store.layout import DONE

LEVELS = 20
PANEL = 3.1  # inches
TITLE = 9  # points
MARK = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}


def draw_planes(results: Results, size: int) -> Figure | None:
    """A row for each algorithm, columns raw and aligned, of the first finished disorder sample; None without planes."""
    spec, at = results.spec, results.data.sel({results.spec.family.axis: size})
    if "plane_state" not in at or not bool((at["plane_state"] == DONE).any()):
        return None
    rows, columns = results.labels, results.symmetries
    highest = float(at["plane_error"].sel(symmetry=list(columns)).max())
    levels = np.asarray(MaxNLocator(LEVELS).tick_values(0, 100 * max(highest, 1e-3)))
    names = itertools.product(rows, columns)
    titles = {(row, name): wrapped(f"{short(row)}, {name}", 0.85 * PANEL, TITLE) for row, name in names}
    lines = 1 + max(title.count("\n") for title in titles.values())
    width, height = PANEL * len(columns) + 1.2, (PANEL + lines * TITLE * 1.3 / 72) * len(rows)
    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, algorithm in zip(axes, rows, strict=True):
        done = (at["plane_state"].sel(algorithm=algorithm).isel(plane=0) == DONE).to_numpy()
        for panel, symmetry in zip(row, columns, strict=True):
            panel.set_title(plain(titles[algorithm, symmetry]), fontsize=TITLE)
            if not done.any():
                panel.text(0.5, 0.5, "not done yet", ha="center", transform=panel.transAxes)
                continue
            place = {"algorithm": algorithm, "symmetry": symmetry}
            filled = _plane(panel, at.sel(place).isel(disorder=int(done.argmax()), plane=0), levels)
    figure.colorbar(filled, ax=axes, label="train error (%)", shrink=0.8, aspect=8 * len(rows))
    about = f"{spec.family.symbol} = {size}; plane of solutions 0, 1, 2 in latent weights;"
    return framed(figure, headline(results, about, "one disorder sample.", inches=width, size=8), size=8)


def _plane(axes: Axes, at: xr.Dataset, levels: NDArray[np.float64]) -> QuadContourSet:
    """Filled contours with the three solutions marked."""
    x, y = at["plane_x"].to_numpy(), at["plane_y"].to_numpy()
    filled = axes.contourf(x, y, 100 * at["plane_error"].to_numpy(), levels, cmap="viridis")
    for number, (a, b) in enumerate(at["plane_corner"].to_numpy()):
        axes.text(a, b, str(number), fontsize=7, ha="center", va="center", bbox=MARK)
    axes.set_aspect("equal")
    axes.set_xlabel("along 0 to 1 (latent units)", fontsize=8)
    axes.set_ylabel("perpendicular (latent units)", fontsize=8)
    axes.tick_params(labelsize=7)
    return filled
