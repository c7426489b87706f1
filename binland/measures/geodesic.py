"""Overlap of two solutions, and violated constraints along the geodesic between them, `[measure.geodesic]`.

Verbs: overlap(a, b) -> float; margin(solution) -> float; simplex_energies(solutions, train, shares, threshold) -> (T,)
fractions of violated constraints at the points with barycentric coordinates shares (T, y).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.plots.chart import Axis, Chart, Curve, Look, Panel
from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

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
        """Verbs of spherical weights."""
        return VERBS

    def variables(self, settings: GeodesicSettings) -> dict[str, Variable]:
        """Stored: the overlap, and the energy along the geodesic."""
        return {
            "geodesic_overlap": Variable((), "f8", "1", "overlap W . W' / N of two solutions"),
            "geodesic_threshold": Variable((), "f8", "1", "fields up to here are violated constraints"),
            "geodesic_energy": Variable(("geodesic_place",), "f8", "1", "violated constraints on the geodesic"),
        }

    def coordinates(self, settings: GeodesicSettings) -> dict[str, Coordinate]:
        """Places along the geodesic."""
        places = tuple(np.linspace(0, 1, settings.points).tolist())
        return {"geodesic_place": Coordinate(places, "barycentric coordinate of the second solution")}

    def limits(self, settings: GeodesicSettings) -> list[tuple[float, str, str]]:
        """Number of points of a geodesic."""
        return [(settings.points, "points of a geodesic", "measure.geodesic.points")]

    def run(self, settings: GeodesicSettings, case: Case) -> Arrays:
        """Compute overlap and energies."""
        threshold = threshold_of(settings, case)
        shares = along(np.linspace(0, 1, settings.points))
        return {
            "geodesic_overlap": np.array(case.family.overlap(*case.solutions)),
            "geodesic_threshold": np.array(threshold),
            "geodesic_energy": case.family.simplex_energies(case.solutions, case.train, shares, threshold),
        }

    def panels(self, results: Any) -> list[Any]:
        """Overlaps, and energies at the midpoint, against the swept setting."""
        return [overlaps(results), midpoints(results)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Energies along the geodesic for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("geodesic", results.data.sel(point)):
                yield f"_geodesic{ending}", geodesics(results, point)


def threshold_of(settings: Any, case: Case) -> float:
    """The threshold of the settings or, if there is none, the margin of the solutions."""
    return case.family.margin(case.solutions[0]) if settings.threshold is None else settings.threshold


def along(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates (T, 2) of places along a geodesic."""
    return np.stack([1 - places, places], axis=1)


def theory_at(at: "xr.Dataset", measure: str, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energies (T,) between typical solutions by replica theory; NaN where nothing is measured at this point."""
    from binland.spherical.barriers import energy

    threshold = float(at[f"{measure}_threshold"].max())
    if np.isnan(threshold):
        return np.full(len(shares), np.nan)
    return np.asarray(energy(float(at["constraint_density"]), float(at["margin"]), shares, threshold))


NAME = "typical solutions, replica theory"


def _theory(x: NDArray[np.float64], y: NDArray[np.float64]) -> Curve:
    """A curve of theory: a dotted red line, or a dash if it is a single point."""

    look = Look("#CC0000", "" if len(x) > 1 else "_", ":", width=1.25, size=1.6)
    return Curve(x, y, look=look, name=NAME, theory=True)


def geodesics(results: Any, point: dict[str, Any], theory: bool = True) -> Chart:
    """Energy against the place on the geodesic at a point of the grid, a curve for each algorithm and one of theory."""
    from binland.measures.lines import band
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries, style
    from binland.plots.text import counted, headline

    data = results.data.sel(point)
    curves = [
        band(
            data["geodesic_energy"].sel(algorithm=label),
            "geodesic_place",
            style(results, label),
            algorithm=label,
        )
        for label in results.labels
    ]
    if theory:
        x = np.linspace(0, 1, 51)
        curves.append(_theory(x, 100 * theory_at(data, "geodesic", along(x))))
    y = Axis(f"violated constraints (%), threshold {float(data['geodesic_threshold'].max()):g}")
    panel = Panel("geodesic", Axis("barycentric coordinate of the second solution"), y, curves)
    about = f"{counted(data.sizes['pair'], 'directed pair')}; {error_bar_text(data, 'bands')}."
    facts = headline(results, results.words_of(point), about)
    entries = algorithm_entries(results, with_states=False)
    return Chart([panel], facts, entries=entries, columns=1, size=(5.6, 4.1))


def overlaps(results: Any, theory: bool = True) -> Panel:
    """Overlaps of two solutions against the swept setting."""
    from binland.plots.curves import of_algorithms, swept_panel
    from binland.spherical.gardner import overlap

    curves = of_algorithms(results, "geodesic_overlap")
    if theory:
        curves.append(_along(results, lambda at: overlap(float(at["constraint_density"]), float(at["margin"]))))
    return swept_panel(results, "geodesic_overlap", "overlap W . W' / N of two solutions", curves, order=4)


def midpoints(results: Any, theory: bool = True) -> Panel:
    """Energies in the middle of the geodesic, or at the measured place next to it, against the swept setting."""
    from binland.plots.curves import of_algorithms, swept_panel

    places = results.data["geodesic_place"].to_numpy()
    middle = {"geodesic_place": places[len(places) // 2]}
    shares = along(np.array([middle["geodesic_place"]]))
    curves = of_algorithms(results, "geodesic_energy", 100, middle)
    if theory:
        curves.append(_along(results, lambda at: 100 * float(theory_at(at, "geodesic", shares)[0])))
    return swept_panel(results, "geodesic_energy", "violated constraints at the midpoint (%)", curves, order=5)


def _along(results: Any, value: Callable[["xr.Dataset"], float]) -> Curve:
    """A curve of theory: its value at every point of the grid, computed from the data there."""
    from binland.plots.curves import x_values

    heights = [value(results.data.sel(point)) for point in results.points()]
    return _theory(x_values(results) if results.axes else np.zeros(1), np.array(heights, float))


GEODESIC = Geodesic()
