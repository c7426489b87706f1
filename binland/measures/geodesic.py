"""Overlaps of two solutions, and violated constraints on the geodesic between them, `[measure.geodesic]`.

Verbs: overlap(a, b) -> float; margin(solution) -> float; simplex_energies(solutions, train, shares, threshold) ->
(T,) fractions of violated constraints at points of shares (T, y).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERBS = ("overlap", "margin", "simplex_energies")


class GeodesicSettings(Section):
    """[measure.geodesic]"""

    points: int = Field(21, ge=2, le=10_000, description="points along the geodesic, ends included")
    threshold: Annotated[float, Field(ge=-4, le=4)] | None = Field(
        None, description="a constraint is violated where its field is at most that; by default the model's kappa"
    )


class Geodesic(Measure[GeodesicSettings]):
    """Energy on the geodesic between two solutions."""

    name, of = "geodesic", 2
    Settings = GeodesicSettings

    def needs(self, settings: GeodesicSettings) -> tuple[str, ...]:
        """Spherical weights."""
        return VERBS

    def variables(self, settings: GeodesicSettings) -> dict[str, Variable]:
        """Overlap and curve."""
        return {
            "geodesic_overlap": Variable((), "f8", "1", "overlap W . W' / N of two solutions"),
            "geodesic_threshold": Variable((), "f8", "1", "fields up to here are violated constraints"),
            "geodesic_energy": Variable(("geodesic_place",), "f8", "1", "violated constraints on the geodesic"),
        }

    def coordinates(self, settings: GeodesicSettings) -> dict[str, Coordinate]:
        """Places."""
        places = tuple(np.linspace(0, 1, settings.points).tolist())
        return {"geodesic_place": Coordinate(places, "barycentric coordinate of the second solution")}

    def limits(self, settings: GeodesicSettings) -> list[tuple[float, str, str]]:
        """Points of a geodesic."""
        return [(settings.points, "points of a geodesic", "measure.geodesic.points")]

    def run(self, settings: GeodesicSettings, case: Case) -> Arrays:
        """Overlap and curve."""
        threshold = threshold_of(settings, case)
        shares = along(np.linspace(0, 1, settings.points))
        return {
            "geodesic_overlap": np.array(case.family.overlap(*case.solutions)),
            "geodesic_threshold": np.array(threshold),
            "geodesic_energy": case.family.simplex_energies(case.solutions, case.train, shares, threshold),
        }

    def panels(self, results: Any) -> list[Any]:
        """Overlaps, and energies at the midpoint."""
        return [(4, draw_overlaps), (5, draw_midpoints)]

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Curves at every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("geodesic", results.data.sel(point)):
                yield f"_geodesic{ending}", draw_geodesic(results, point)


def threshold_of(settings: Any, case: Case) -> float:
    """That of the settings, or the margin of the solutions."""
    return case.family.margin(case.solutions[0]) if settings.threshold is None else settings.threshold


def along(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 2) barycentric coordinates."""
    return np.stack([1 - places, places], axis=1)


def theory_at(at: "xr.Dataset", measure: str, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) energy between typical solutions at a point of the grid; nan where there are none."""
    from binland.spherical.barriers import energy

    threshold = float(at[f"{measure}_threshold"].max())
    if np.isnan(threshold):
        return np.full(len(shares), np.nan)
    return np.asarray(energy(float(at["constraint_density"]), float(at["margin"]), shares, threshold))


WIDTH, HEIGHT = 5.6, 4.1  # inches, without headline and legend
THEORY: dict[str, Any] = {"color": "#CC0000", "linewidth": 1.6, "linestyle": ":"}
NAME = "typical solutions, replica theory"


def draw_geodesic(results: Any, point: dict[str, Any], theory: bool = True) -> "Figure":
    """Energy against the place on the geodesic, a curve for every algorithm, at one point of the grid."""
    from matplotlib.figure import Figure

    from binland.measures.lines import draw_curve
    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import error_bar_text, headline, short, style

    data = results.data.sel(point)
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    for algorithm in results.labels:
        look = {key: value for key, value in style(results, algorithm).items() if key != "marker"}
        draw_curve(axes, data["geodesic_energy"].sel(algorithm=algorithm), "geodesic_place", look)
    if theory:
        x = np.linspace(0, 1, 51)
        axes.plot(x, 100 * theory_at(data, "geodesic", along(x)), **THEORY)
    axes.set_xlabel("barycentric coordinate of the second solution")
    axes.set_ylabel(f"violated constraints (%), threshold {float(data['geodesic_threshold'].max()):g}")
    entries = algorithm_entries(results, {name: short(name) for name in results.labels}, with_states=False)
    about = f"{results.words_of(point)} {data.sizes['pair']} directed pairs; {error_bar_text(data, 'bands')}."
    title = headline(results, about, inches=WIDTH, size=8)
    return framed(figure, title, entries + theory_entries(theory), size=8)


def theory_entries(theory: bool) -> list[Any]:
    """An entry of a legend, if theory is drawn."""
    from matplotlib.lines import Line2D

    return [(Line2D([], [], **THEORY), NAME)] if theory else []


def draw_overlaps(axes: "Axes", results: Any, theory: bool = True) -> None:
    """Overlaps against what is swept."""
    from binland.plots.curves import draw_curves
    from binland.spherical.gardner import overlap

    draw_curves(axes, results, "geodesic_overlap", "overlap W . W' / N of two solutions")
    if theory:
        draw_theory(axes, results, lambda at: overlap(float(at["constraint_density"]), float(at["margin"])))


def draw_midpoints(axes: "Axes", results: Any, theory: bool = True) -> None:
    """Energies at the midpoint, or beside it, against what is swept."""
    from binland.plots.curves import draw_curves

    places = results.data["geodesic_place"].to_numpy()
    middle = {"geodesic_place": places[len(places) // 2]}
    shares = along(np.array([middle["geodesic_place"]]))
    draw_curves(axes, results, "geodesic_energy", "violated constraints at the midpoint (%)", 100, middle)
    if theory:
        draw_theory(axes, results, lambda at: 100 * float(theory_at(at, "geodesic", shares)[0]))


def draw_theory(axes: "Axes", results: Any, value: Callable[["xr.Dataset"], float]) -> None:
    """A line through the values at the points of the grid, with a text beside it."""
    from binland.plots.curves import x_values

    heights = [value(results.data.sel(point)) for point in results.points()]
    x = x_values(results) if results.axes else np.zeros(1)
    axes.plot(x, heights, marker="" if len(x) > 1 else "_", label=NAME, **THEORY)
    axes.legend(handles=axes.lines[-1:], fontsize=7, frameon=False)


GEODESIC = Geodesic()
