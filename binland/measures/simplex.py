"""Violated constraints on the geodesic simplex of three solutions, `[measure.simplex]`. Verbs: those of `geodesic`."""

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.measures.geodesic import VERBS, theory_at, threshold_of
from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class SimplexSettings(Section):
    """[measure.simplex]"""

    points: int = Field(13, ge=2, le=500, description="points along each side of the triangle, ends included")
    threshold: Annotated[float, Field(ge=-4, le=4)] | None = Field(
        None, description="a constraint is violated where its field is at most that; by default the model's kappa"
    )


class Simplex(Measure[SimplexSettings]):
    """Energy on the simplex of the first three solutions of an algorithm."""

    name, of = "simplex", 3
    Settings = SimplexSettings

    def needs(self, settings: SimplexSettings) -> tuple[str, ...]:
        """Spherical weights."""
        return VERBS

    def variables(self, settings: SimplexSettings) -> dict[str, Variable]:
        """Energies, row by row of the triangle."""
        return {
            "simplex_threshold": Variable((), "f8", "1", "fields up to here are violated constraints"),
            "simplex_energy": Variable(("simplex_point",), "f8", "1", "violated constraints on the simplex"),
        }

    def coordinates(self, settings: SimplexSettings) -> dict[str, Coordinate]:
        """Points of the triangle."""
        return {"simplex_point": Coordinate(len(triangle(settings.points)))}

    def limits(self, settings: SimplexSettings) -> list[tuple[float, str, str]]:
        """Points of a simplex."""
        return [(len(triangle(settings.points)), "points of a simplex", "measure.simplex.points")]

    def run(self, settings: SimplexSettings, case: Case) -> Arrays:
        """Energies."""
        threshold = threshold_of(settings, case)
        found = case.family.simplex_energies(case.solutions, case.train, triangle(settings.points), threshold)
        return {"simplex_threshold": np.array(threshold), "simplex_energy": found}

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """A figure at every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("simplex", results.data.sel(point)):
                yield f"_simplex{ending}", draw_simplex(results, point)


def triangle(points: int) -> NDArray[np.float64]:
    """(T, 3) barycentric coordinates of a triangular grid with so many points along each side, T = points (points + 1)
    / 2, by the second coordinate and then the third."""
    last = points - 1
    rows = [(last - i - j, i, j) for i in range(points) for j in range(points - i)]
    return np.array(rows) / last


def side_of(count: int) -> int:
    """Points along each side of a triangular grid of so many."""
    return (math.isqrt(8 * count + 1) - 1) // 2


def symmetric(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean (T,) over the orders of the three solutions, which mean nothing."""
    places = np.rint(triangle(side_of(len(values))) * (side_of(len(values)) - 1)).astype(int)
    known = {tuple(place): k for k, place in enumerate(places.tolist())}
    orders = [
        [known[tuple(place)] for place in places[:, order].tolist()] for order in itertools.permutations(range(3))
    ]
    return np.mean([values[order] for order in orders], axis=0)


LEVELS = 16
SIDE = 2.9  # inches of a panel
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])


def draw_simplex(results: Any, point: dict[str, Any], theory: bool = True) -> "Figure":
    """A triangle for every algorithm, and one of replica theory."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from binland.plots.legend import framed
    from binland.plots.style import headline, plain, short

    data = results.data.sel(point)
    shares = triangle(side_of(data.sizes["simplex_point"]))
    found = data["simplex_energy"].mean([dim for dim in data["simplex_energy"].dims if dim in ("disorder", "simplex")])
    panels = {short(label): symmetric(found.sel(algorithm=label).to_numpy()) for label in results.labels}
    if theory:
        panels["typical, replica theory"] = theory_at(data, "simplex", shares)
    highest = max([float(np.nanmax(values)) for values in panels.values() if np.isfinite(values).any()])
    levels = np.asarray(MaxNLocator(LEVELS).tick_values(0, 100 * max(highest, 1e-3)))
    figure = Figure((SIDE * len(panels) + 1.0, SIDE), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, (title, values) in zip(axes, panels.items(), strict=True):
        panel.set_title(plain(title), fontsize=8)
        filled = _draw(panel, shares @ CORNERS, 100 * values, levels)
    threshold = float(data["simplex_threshold"].max())
    figure.colorbar(filled, ax=axes, label=f"violated constraints (%), threshold {threshold:g}", shrink=0.8)
    samples = f"{data.sizes['disorder']} disorder samples"
    about = f"{results.words_of(point)} three solutions, mean over their orders and {samples}."
    return framed(figure, headline(results, about, inches=figure.get_figwidth(), size=8), size=8)


def _draw(panel: "Axes", places: NDArray[np.float64], values: NDArray[np.float64], levels: NDArray[np.float64]) -> Any:
    """Filled contours, and the three solutions."""
    filled = panel.tricontourf(places[:, 0], places[:, 1], np.nan_to_num(values), levels, cmap="viridis")
    for number, (x, y) in enumerate(CORNERS):
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}
        panel.text(x, y, str(number), fontsize=7, ha="center", va="center", bbox=box)
    panel.set_aspect("equal")
    panel.set_axis_off()
    return filled


SIMPLEX = Simplex()
