"""Theory over what was measured: the overlays that are declared, added to a panel."""

from collections.abc import Mapping

import numpy as np

from binland.plots.chart import Float, Panel, floats
from binland.plots.curves import x_values
from binland.plots.results import Results
from binland.sweep import registry


def lay_over(panel: Panel, results: Results, at: Mapping[str, float] | None = None) -> Panel:
    """The panel with every overlay of its name that says something about the sweep; as it was without --theory."""
    if not results.theory:
        return panel
    fitting = [one for one in registry.overlays() if one.panel == panel.name and one.applies(results)]
    return panel.plus([mark for one in fitting for mark in one.marks(results, panel, at or {})])


def along(results: Results, name: str, count: int = 60) -> Float:
    """(count,) a positive coordinate between the points of the grid, in equal steps of the logarithm of what is swept.

    As `places` gives the places for them. Exact where the coordinate is a power of what is swept, as P / N is of N.
    """
    axis = results.axes[0].name
    data = results.data.sortby(axis)
    return _between(floats(data[axis].to_numpy()), floats(data[name].to_numpy()), count)


def places(results: Results, count: int = 60) -> Float:
    """(count,) where on the x axis of a panel along what is swept these points are."""
    axis = results.axes[0].name
    return _between(floats(results.data.sortby(axis)[axis].to_numpy()), x_values(results), count)


def _between(axis: Float, values: Float, count: int) -> Float:
    logs = np.log(axis)
    return floats(np.exp(np.interp(np.linspace(logs[0], logs[-1], count), logs, np.log(values))))
