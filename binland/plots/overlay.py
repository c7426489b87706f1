"""Theory over what was measured: the overlays that are declared, drawn into a panel."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from binland.plots.results import Results
from binland.sweep import registry

LOOK: dict[str, Any] = {"color": "black", "linewidth": 1.2, "zorder": 3}  # of a curve of theory

ABOVE: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 4, "frameon": False}


def lay_over(
    axes: Axes, results: Results, panel: str, at: Mapping[str, float] | None = None, legend: str = "best"
) -> None:
    """Draw every overlay of a panel that says something about the sweep; none without --theory.

    legend: where it is, in words of matplotlib, or "above" a panel that curves fill.
    """
    if not results.theory:
        return
    fitting = [one for one in registry.overlays() if one.panel == panel and one.applies(results)]
    shown = [artist for one in fitting for artist in one.draw(axes, results, at or {})]
    if shown:
        place = ABOVE if legend == "above" else {"loc": legend, "framealpha": 0.8}
        axes.legend(handles=shown, fontsize=7, **place)


def along(results: Results, name: str, count: int = 60) -> NDArray[np.float64]:
    """(count,) a positive coordinate between the points of the grid, in equal steps of the logarithm of what is swept.

    As `places` gives the places for them. Exact where the coordinate is a power of what is swept, as P / N is of N.
    """
    axis = results.axes[0].name
    data = results.data.sortby(axis)
    return _between(data[axis].to_numpy(), data[name].to_numpy(), count)


def places(results: Results, count: int = 60) -> NDArray[np.float64]:
    """(count,) where on the x axis of a panel along what is swept these points are."""
    from binland.plots.curves import x_values

    axis = results.axes[0].name
    return _between(results.data.sortby(axis)[axis].to_numpy(), x_values(results), count)


def _between(axis: NDArray[np.float64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    logs = np.log(axis.astype(float))
    return np.exp(np.interp(np.linspace(logs[0], logs[-1], count), logs, np.log(values.astype(float))))
