"""Train errors in the plane through three solutions (Fig. 8 of the paper), a figure for each size."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from binland.plots.style import Results, headline, plain
from binland.sweep.store.layout import DONE

LEVELS = 20
PANEL = 3.1  # inches
MARK = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}


def draw_planes(results: Results, size: int) -> Figure | None:
    """A row for each algorithm, columns raw and aligned, of the first finished disorder sample; None without planes."""
    spec, at = results.spec, results.data.sel({results.spec.family.axis: size})
    if "plane_state" not in at or not bool((at["plane_state"] == DONE).any()):
        return None
    rows, columns = list(spec.algorithms), results.symmetries
    highest = float(at["plane_error"].sel(symmetry=list(columns)).max())
    levels = np.asarray(MaxNLocator(LEVELS).tick_values(0, 100 * max(highest, 1e-3)))
    inches = (PANEL * len(columns) + 1.2, PANEL * len(rows) + 0.7)
    figure, axes = plt.subplots(len(rows), len(columns), squeeze=False, figsize=inches, constrained_layout=True)
    for row, algorithm in zip(axes, rows, strict=True):
        done = (at["plane_state"].sel(algorithm=algorithm).isel(plane=0) == DONE).to_numpy()
        for panel, symmetry in zip(row, columns, strict=True):
            panel.set_title(plain(f"{algorithm}, {symmetry}"), fontsize=9)
            if not done.any():
                panel.text(0.5, 0.5, "not done yet", ha="center", transform=panel.transAxes)
                continue
            place = {"algorithm": algorithm, "symmetry": symmetry}
            filled = _plane(panel, at.sel(place).isel(disorder=int(done.argmax()), plane=0), levels)
    figure.colorbar(filled, ax=axes, label="train error (%)", shrink=0.8)
    about = f"{spec.family.symbol} = {size}; plane of solutions 0, 1, 2 in latent weights;"
    figure.suptitle(headline(results, about, "one disorder sample.", width=105), fontsize=8)
    return figure


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
