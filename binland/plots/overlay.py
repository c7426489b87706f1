"""Add curves of theory, the overlays, to a panel of measurements."""

from collections.abc import Mapping

import numpy as np

from binland.plots.chart import Float, Panel, floats
from binland.plots.curves import x_values
from binland.plots.results import Results
from binland.sweep import registry


def lay_over(panel: Panel, results: Results, at: Mapping[str, float] | None = None) -> Panel:
    """The panel with the marks of all overlays that apply to it; unchanged unless theory was asked for (--theory)."""
    if not results.theory:
        return panel
    fitting = [one for one in registry.overlays() if one.panel == panel.name and one.applies(results)]
    return panel.plus([mark for one in fitting for mark in one.marks(results, panel, at or {})])


def along(results: Results, name: str, count: int = 60) -> Float:
    """Values (count,) of a positive coordinate such as P / N between the points of the grid, for curves of theory.

    They are evenly spaced in the logarithm of the swept setting, and interpolated between the points of the grid: exact
    if the coordinate is a power of the swept setting, as P / N is of N. `places` has their places on the x axis.
    """
    axis = results.axes[0].name
    data = results.data.sortby(axis)
    return _between(floats(data[axis].to_numpy()), floats(data[name].to_numpy()), count)


def places(results: Results, count: int = 60) -> Float:
    """Places (count,) of the same points on the x axis of a panel."""
    axis = results.axes[0].name
    return _between(floats(results.data.sortby(axis)[axis].to_numpy()), x_values(results), count)


def _between(axis: Float, values: Float, count: int) -> Float:
    logs = np.log(axis)
    return floats(np.exp(np.interp(np.linspace(logs[0], logs[-1], count), logs, np.log(values))))
