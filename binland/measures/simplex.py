"""Violated constraints on the geodesic triangle of three solutions, `[measure.simplex]`. Verbs: those of `geodesic`."""

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.measures.geodesic import VERBS, theory_at, threshold_of
from binland.plots.chart import Axis, Chart, Panel, Triangle, levels_up_to
from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable


class SimplexSettings(Section):
    """[measure.simplex]"""

    points: int = Field(13, ge=2, le=500, description="points along each side of the triangle, ends included")
    threshold: Annotated[float, Field(ge=-4, le=4)] | None = Field(
        None, description="a constraint is violated where its field is at most that; by default the model's kappa"
    )


class Simplex(Measure[SimplexSettings]):
    """Energy on the geodesic triangle of the first three solutions of an algorithm."""

    name, of = "simplex", 3
    Settings = SimplexSettings

    def needs(self, settings: SimplexSettings) -> tuple[str, ...]:
        """Verbs of spherical weights."""
        return VERBS

    def variables(self, settings: SimplexSettings) -> dict[str, Variable]:
        """Stored: energies at the points of the triangle, row by row."""
        return {
            "simplex_threshold": Variable((), "f8", "1", "fields up to here are violated constraints"),
            "simplex_energy": Variable(("simplex_point",), "f8", "1", "violated constraints on the simplex"),
        }

    def coordinates(self, settings: SimplexSettings) -> dict[str, Coordinate]:
        """Points of the triangle."""
        return {"simplex_point": Coordinate(len(triangle(settings.points)))}

    def limits(self, settings: SimplexSettings) -> list[tuple[float, str, str]]:
        """Number of points of the triangle."""
        return [(len(triangle(settings.points)), "points of a simplex", "measure.simplex.points")]

    def run(self, settings: SimplexSettings, case: Case) -> Arrays:
        """Compute the energies."""
        threshold = threshold_of(settings, case)
        found = case.family.simplex_energies(case.solutions, case.train, triangle(settings.points), threshold)
        return {"simplex_threshold": np.array(threshold), "simplex_energy": found}

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Triangles for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("simplex", results.data.sel(point)):
                yield f"_simplex{ending}", simplices(results, point)


def triangle(points: int) -> NDArray[np.float64]:
    """Barycentric coordinates (T, 3) of a triangular grid, T = points (points + 1) / 2, by second, then third."""
    last = points - 1
    rows = [(last - i - j, i, j) for i in range(points) for j in range(points - i)]
    return np.array(rows) / last


def side_of(count: int) -> int:
    """Number of points along each side of a triangular grid with `count` points in all."""
    return (math.isqrt(8 * count + 1) - 1) // 2


def symmetric(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean (T,) over all orders of the three solutions, since their order has no meaning."""
    places = np.rint(triangle(side_of(len(values))) * (side_of(len(values)) - 1)).astype(int)
    known = {tuple(place): k for k, place in enumerate(places.tolist())}
    orders = [
        [known[tuple(place)] for place in places[:, order].tolist()] for order in itertools.permutations(range(3))
    ]
    return np.mean([values[order] for order in orders], axis=0)


LEVELS = 16
SIDE = 2.9  # of a panel, in inches
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])


def simplices(results: Any, point: dict[str, Any], theory: bool = True) -> Chart:
    """Energies over the triangle: a panel for each algorithm, and one of replica theory."""
    from binland.plots.text import counted, digits, headline, short

    data = results.data.sel(point)
    shares = triangle(side_of(data.sizes["simplex_point"]))
    energies = data["simplex_energy"]
    means = energies.mean([dim for dim in energies.dims if dim in ("disorder", "simplex")])
    shown = {short(label): symmetric(means.sel(algorithm=label).to_numpy()) for label in results.labels}
    if theory:
        shown["typical, replica theory"] = theory_at(data, "simplex", shares)
    panels = [_panel(title, shares @ CORNERS, 100 * np.nan_to_num(values)) for title, values in shown.items()]
    highest = max([float(np.nanmax(values)) for values in shown.values() if np.isfinite(values).any()])
    samples = counted(data.sizes["disorder"], "disorder sample")
    about = f"three solutions, mean over their orders and {samples}."
    facts = headline(results, results.words_of(point), about)
    label = f"violated constraints (%), threshold {digits(float(data['simplex_threshold'].max()))}"
    return Chart(
        panels,
        facts,
        columns=len(panels),
        size=(SIDE, SIDE),
        levels=levels_up_to(100 * highest, LEVELS),
        color_label=label,
    )


def _panel(title: str, places: NDArray[np.float64], values: NDArray[np.float64]) -> Panel:
    """Filled contours over one triangle, with the three solutions marked."""

    corners = [(str(k), float(x), float(y)) for k, (x, y) in enumerate(CORNERS)]
    return Panel("", Axis(), Axis(), [Triangle(places, values, corners)], title=title, equal=True, framed=False)


SIMPLEX = Simplex()
