"""Train errors in the plane through three solutions, `[measure.plane]` (Fig. 8 of the paper).

Verb: plane(solutions, train, points, compute) -> an object with .errors (points, points), .corners (3, 2), .x and .y
(points,), such as `Plane`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from binland.plots.chart import Axis, Chart, Contours, Panel, levels_up_to
from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

FEW_POINTS = 4  # points along a side of the plane that is timed for estimates


class PlaneSettings(Section):
    """[measure.plane]"""

    points: int = Field(31, ge=2, le=10_000, description="points along each side of the plane")


class Plane(Measure[PlaneSettings]):
    """Train errors in the plane through the first three solutions of an algorithm, in every symmetry state."""

    name, of, latents = "plane", 3, "needed"
    Settings = PlaneSettings

    def needs(self, settings: PlaneSettings) -> tuple[str, ...]:
        """Verb: the plane."""
        return ("plane",)

    def variables(self, settings: PlaneSettings) -> dict[str, Variable]:
        """Stored per symmetry state: errors, positions of the solutions, coordinates of rows and columns."""
        rows = ("symmetry", "plane_row", "plane_column")
        return {
            "plane_error": Variable(rows, "f8", "1", "train error in the plane through three solutions"),
            "plane_corner": Variable(("symmetry", "corner", "component"), "f8", "1", "where the solutions lie in it"),
            "plane_x": Variable(("symmetry", "plane_column"), "f8", "1", "coordinate of the points of a column"),
            "plane_y": Variable(("symmetry", "plane_row"), "f8", "1", "coordinate of the points of a row"),
        }

    def coordinates(self, settings: PlaneSettings) -> dict[str, Coordinate]:
        """Rows and columns of the grid, the three solutions, and the axes x and y."""
        points = Coordinate(settings.points)
        return {
            "plane_row": points,
            "plane_column": points,
            "corner": Coordinate(3),
            "component": Coordinate(("x", "y")),
        }

    def limits(self, settings: PlaneSettings) -> list[tuple[float, str, str]]:
        """Number of points of a plane."""
        return [(settings.points**2, "points of a plane", "measure.plane.points")]

    def quick(self, settings: PlaneSettings) -> tuple[PlaneSettings, float]:
        """A few points of the plane."""
        few = min(settings.points, FEW_POINTS)
        return PlaneSettings(points=few), (settings.points / few) ** 2

    def run(self, settings: PlaneSettings, case: Case) -> Arrays:
        """Compute a plane in every symmetry state."""
        planes = [case.family.plane(three, case.train, settings.points, case.compute) for _, three in case.views()]
        return {
            "plane_error": np.array([plane.errors for plane in planes]),
            "plane_corner": np.array([plane.corners for plane in planes]),
            "plane_x": np.array([plane.x for plane in planes]),
            "plane_y": np.array([plane.y for plane in planes]),
        }

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Planes for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("plane", results.data.sel(point)):
                yield f"_plane{ending}", planes(results, point)


LEVELS = 20
SIDE = 3.2  # of a panel, in inches


def planes(results: Any, point: dict[str, Any]) -> Chart:
    """Planes of the first finished disorder sample: a row for each algorithm, a column for each symmetry state."""
    from binland.plots.text import headline

    at = results.data.sel(point)
    highest = 100 * float(at["plane_error"].sel(symmetry=list(results.states)).max())
    panels = [_panel(results, at, label, state) for label in results.labels for state in results.states]
    facts = headline(results, results.words_of(point), "plane of solutions 0, 1, 2 in latent weights;", SAMPLE)
    return Chart(
        panels,
        facts,
        columns=len(results.states),
        size=(SIDE, SIDE),
        grid=True,
        levels=levels_up_to(highest, LEVELS),
        color_label="train error (%)",
    )


SAMPLE = "one disorder sample."


def _panel(results: Any, data: "xr.Dataset", label: str, state: str) -> Panel:
    """The plane of an algorithm in a symmetry state, with the three solutions marked."""
    from binland.plots.text import short

    at, title = data.sel(algorithm=label, symmetry=state), f"{short(label)}, {state}"
    axes = Axis("along 0 to 1 (latent units)"), Axis("perpendicular (latent units)")
    done = results.done("plane", at.isel(plane=0))
    if not done.any():
        return Panel("", *axes, [], title=title, note="not done yet")
    return Panel("", *axes, [_contours(at.isel(disorder=int(done.argmax()), plane=0))], title=title, equal=True)


def _contours(at: "xr.Dataset") -> Contours:

    x, y, values = at["plane_x"].to_numpy(), at["plane_y"].to_numpy(), 100 * at["plane_error"].to_numpy()
    return Contours(x, y, values, [(str(k), a, b) for k, (a, b) in enumerate(at["plane_corner"].to_numpy())])


PLANE = Plane()
