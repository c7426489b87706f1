"""Train errors in the plane through three solutions, `[measure.plane]` (Fig. 8 of the paper).

Verb: plane(solutions, train, points, compute) -> what has .errors (points, points), .corners (3, 2), .x and .y
(points,).
"""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet
    from matplotlib.figure import Figure

FEW_POINTS = 4  # along a side of a plane that is timed


class PlaneSettings(Section):
    """[measure.plane]"""

    points: int = Field(31, ge=2, le=10_000, description="points along each side of the plane")


class Plane(Measure[PlaneSettings]):
    """Train errors in the plane through the first three solutions of an algorithm, in every symmetry state."""

    name, of, latents = "plane", 3, "needed"
    Settings = PlaneSettings

    def needs(self, settings: PlaneSettings) -> tuple[str, ...]:
        """A plane."""
        return ("plane",)

    def variables(self, settings: PlaneSettings) -> dict[str, Variable]:
        """Per state: errors, where the solutions lie, coordinates."""
        rows = ("symmetry", "plane_row", "plane_column")
        return {
            "plane_error": Variable(rows, "f8", "1", "train error in the plane through three solutions"),
            "plane_corner": Variable(("symmetry", "corner", "component"), "f8", "1", "where the solutions lie in it"),
            "plane_x": Variable(("symmetry", "plane_column"), "f8", "1", "coordinate of the points of a column"),
            "plane_y": Variable(("symmetry", "plane_row"), "f8", "1", "coordinate of the points of a row"),
        }

    def coordinates(self, settings: PlaneSettings) -> dict[str, Coordinate]:
        """Rows and columns; solutions, and x and y."""
        points = Coordinate(settings.points)
        return {
            "plane_row": points,
            "plane_column": points,
            "corner": Coordinate(3),
            "component": Coordinate(("x", "y")),
        }

    def limits(self, settings: PlaneSettings) -> list[tuple[float, str, str]]:
        """Points of a plane."""
        return [(settings.points**2, "points of a plane", "measure.plane.points")]

    def quick(self, settings: PlaneSettings) -> tuple[PlaneSettings, float]:
        """A few points of it."""
        few = min(settings.points, FEW_POINTS)
        return PlaneSettings(points=few), (settings.points / few) ** 2

    def run(self, settings: PlaneSettings, case: Case) -> Arrays:
        """A plane in every state."""
        planes = [case.family.plane(three, case.train, settings.points, case.compute) for _, three in case.views()]
        return {
            "plane_error": np.array([plane.errors for plane in planes]),
            "plane_corner": np.array([plane.corners for plane in planes]),
            "plane_x": np.array([plane.x for plane in planes]),
            "plane_y": np.array([plane.y for plane in planes]),
        }

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """A figure at every point of the grid."""
        for ending, point in results.named_points():
            figure = draw_planes(results, point)
            if figure is not None:
                yield f"_plane{ending}", figure


LEVELS = 20
PANEL = 3.1  # inches
TITLE = 9  # points
MARK = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "black", "linewidth": 0.8}


def draw_planes(results: Any, point: dict[str, Any]) -> "Figure | None":
    """A row for each algorithm, columns raw and aligned, of the first finished disorder sample; None without planes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from binland.plots.legend import framed
    from binland.plots.style import headline, plain, short, wrapped

    at = results.data.sel(point)
    if not results.any_done("plane", at):
        return None
    rows, columns = results.labels, results.states
    highest = float(at["plane_error"].sel(symmetry=list(columns)).max())
    levels = np.asarray(MaxNLocator(LEVELS).tick_values(0, 100 * max(highest, 1e-3)))
    names = itertools.product(rows, columns)
    titles = {(row, name): wrapped(f"{short(row)}, {name}", 0.85 * PANEL, TITLE) for row, name in names}
    lines = 1 + max(title.count("\n") for title in titles.values())
    width, height = PANEL * len(columns) + 1.2, (PANEL + lines * TITLE * 1.3 / 72) * len(rows)
    figure = Figure((width, height), layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, algorithm in zip(axes, rows, strict=True):
        done = results.done("plane", at.sel(algorithm=algorithm).isel(plane=0))
        for panel, state in zip(row, columns, strict=True):
            panel.set_title(plain(titles[algorithm, state]), fontsize=TITLE)
            if not done.any():
                panel.text(0.5, 0.5, "not done yet", ha="center", transform=panel.transAxes)
                continue
            place = {"algorithm": algorithm, "symmetry": state}
            filled = _draw_plane(panel, at.sel(place).isel(disorder=int(done.argmax()), plane=0), levels)
    figure.colorbar(filled, ax=axes, label="train error (%)", shrink=0.8, aspect=8 * len(rows))
    about = f"{results.words_of(point)} plane of solutions 0, 1, 2 in latent weights;"
    return framed(figure, headline(results, about, "one disorder sample.", inches=width, size=8), size=8)


def _draw_plane(axes: "Axes", at: "xr.Dataset", levels: NDArray[np.float64]) -> "QuadContourSet":
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


PLANE = Plane()
