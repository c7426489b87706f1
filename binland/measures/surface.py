"""Losses and errors around solutions of continuous networks on random lines or planes, `[measure.surface]`.

Directions are as large as the network's filters (Li et al. 2018). Verb: surfaces(solution, train, test, options, seed,
compute) -> a list of surfaces with .losses, .test_losses, .errors and .test_errors, (points,) or (points, points);
options: all settings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.plots.chart import Axis, Chart, Contours, Curve, Panel, levels_up_to
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

FEW_POINTS = 3  # points along a side of the surface that is timed for estimates
VALUES = ("losses", "test_losses", "errors", "test_errors")


class SurfaceSettings(Section):
    """[measure.surface]"""

    dimensions: Literal[1, 2] = Field(2, description="1: lines, 2: planes through the solution")
    points: int = Field(25, ge=2, le=10_000, description="points along each direction; an odd number has the solution")
    extent: float = Field(
        1.0, ge=1e-6, le=1e6, description="how far each direction goes to both sides, in units of the weights"
    )
    realizations: Positive = Field(1, description="lines or planes of each solution")
    normalization: Literal["filter", "layer", "none"] = Field(
        "filter", description="directions as large as the solution filter by filter or layer by layer, or as drawn"
    )

    @property
    def places(self) -> tuple[float, ...]:
        """Places of the points along a direction."""
        numbers = np.arange(1 - self.points, self.points, 2)
        return tuple((self.extent * numbers / (self.points - 1)).tolist())


class Surface(Measure[SurfaceSettings]):
    """Losses and errors around a solution."""

    name, of = "surface", 1
    Settings = SurfaceSettings

    def needs(self, settings: SurfaceSettings) -> tuple[str, ...]:
        """Verb: surfaces."""
        return ("surfaces",)

    def test_patterns(self) -> bool:
        """True: test losses are measured, too."""
        return True

    def variables(self, settings: SurfaceSettings) -> dict[str, Variable]:
        """Stored: losses and errors on train and test data at every point."""
        inner = ("surface_draw", "surface_y", "surface_x")
        return {
            "surface_loss": Variable(inner, "f8", "nat", "train loss around the solution"),
            "surface_test_loss": Variable(inner, "f8", "nat", "test loss around the solution"),
            "surface_error": Variable(inner, "f8", "1", "train error around the solution"),
            "surface_test_error": Variable(inner, "f8", "1", "test error around the solution"),
        }

    def coordinates(self, settings: SurfaceSettings) -> dict[str, Coordinate]:
        """Lines or planes, and places along their directions; lines have a single row."""
        return {
            "surface_draw": Coordinate(settings.realizations),
            "surface_x": Coordinate(settings.places, "place along the first direction"),
            "surface_y": Coordinate(settings.places if settings.dimensions == 2 else (0.0,), "along the second one"),
        }

    def streams(
        self, settings: SurfaceSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of the directions."""
        return {"surface": {"purpose": "surface"}}

    def limits(self, settings: SurfaceSettings) -> list[tuple[float, str, str]]:
        """Number of points of all surfaces of a solution."""
        count = settings.realizations * settings.points**settings.dimensions
        return [(count, "points of surfaces", "measure.surface")]

    def quick(self, settings: SurfaceSettings) -> tuple[SurfaceSettings, float]:
        """A few points of one surface."""
        few = min(settings.points, FEW_POINTS)
        times = settings.realizations * (settings.points / few) ** settings.dimensions
        return settings.model_copy(update={"points": few, "realizations": 1}), times

    def run(self, settings: SurfaceSettings, case: Case) -> Arrays:
        """Evaluate the networks around a solution."""
        (solution,) = case.solutions
        options, seed = settings.model_dump(), case.seeds["surface"]
        found = case.family.surfaces(solution, case.train, case.test, options, seed, case.compute)
        shape = (settings.realizations, -1, settings.points)
        return {
            name: np.array([getattr(one, values) for one in found]).reshape(shape)
            for name, values in zip(self.variables(settings), VALUES, strict=True)
        }

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Curves of all solutions, or planes of the first ones, for every point of the grid."""
        for ending, point in results.named_points():
            if not results.any_done(self.name, results.data.sel(point)):
                continue
            if results.data.sizes["surface_y"] > 1:
                yield f"_surface{ending}", planes(results, point, "loss")
                yield f"_surface_errors{ending}", planes(results, point, "error")
            else:
                yield f"_surface{ending}", lines(results, point)


# Figures

SIDE = 3.2  # of a panel with a plane, in inches
LEVELS = 20
QUANTITIES = {"surface_loss": "train loss (nat)", "surface_test_loss": "test loss (nat)"}
ERRORS = {"surface_error": "train error (%)", "surface_test_error": "test error (%)"}


def lines(results: Any, point: dict[str, Any]) -> Chart:
    """Losses and errors along random lines: a panel for each, a curve with a band for every algorithm."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    data = results.data.sel(point)
    panels = [_along(results, data, name, label) for name, label in (QUANTITIES | ERRORS).items()]
    counts = counted(data.sizes["solution"], "solution"), counted(data.sizes["surface_draw"], "random line")
    about = f"{counts[0]} of each, {counts[1]} through each;"
    facts = headline(results, results.words_of(point), about, f"{error_bar_text(data, 'bands')}.")
    return Chart(panels, facts, entries=algorithm_entries(results, with_states=False))


def _along(results: Any, data: "xr.Dataset", name: str, label: str) -> Panel:
    from binland.plots.curves import curve
    from binland.plots.error_bars import mean_and_error
    from binland.plots.style import style

    curves: list[Curve] = []
    for algorithm in results.labels:
        mean, error = mean_and_error(data[name].sel(algorithm=algorithm), "surface_x")
        scale = 100 if name in ERRORS else 1
        numbers = mean, np.nan_to_num(error)
        one = curve(data["surface_x"].to_numpy(), numbers, scale, style(results, algorithm), algorithm=algorithm)
        curves.append(replace(one, band=True))
    return Panel(name, Axis("place on the line, in units of the weights"), Axis(label, zero=True), curves)


def planes(results: Any, point: dict[str, Any], kind: str) -> Chart:
    """The first plane of the first solution of each algorithm: a row for each, train and test data beside each other.

    kind: "loss", of which logarithms are drawn, or "error".
    """
    from binland.plots.text import headline

    at = results.data.sel(point).isel(disorder=0, solution=0, surface_draw=0)
    names = QUANTITIES if kind == "loss" else ERRORS
    drawn = {name: shown_values(at[name], kind) for name in names}
    panels = [_panel(drawn[name].sel(algorithm=one), one, names[name]) for one in results.labels for name in names]
    about = "first solution of each, S, in a plane of two random directions, in units of the weights."
    facts = headline(results, results.words_of(point), about)
    numbers = np.concatenate([np.ravel(values.to_numpy()) for values in drawn.values()])
    label = "log10 of the loss (nat)" if kind == "loss" else "error (%)"
    return Chart(
        panels, facts, columns=2, size=(SIDE, SIDE), grid=True, levels=levels_of(numbers, kind), color_label=label
    )  # fmt: skip


def shown_values(values: "xr.DataArray", kind: str) -> Any:
    """Errors in percent, or logarithms of losses, nan where a loss is zero."""
    return 100 * values if kind == "error" else np.log10(values.where((values > 0) & np.isfinite(values)))


def levels_of(numbers: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Values at which colours change."""
    if kind == "error":
        return levels_up_to(float(np.nanmax(numbers)), LEVELS)
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    step = levels_up_to(high - low, LEVELS)[1]
    return step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)


def _panel(values: "xr.DataArray", algorithm: str, label: str) -> Panel:
    from binland.plots.text import short

    axes, title = (Axis("direction 1"), Axis("direction 2")), f"{short(algorithm)}, {label.partition(' (')[0]}"
    name = f"{values.name}_{algorithm}"
    if not np.isfinite(values.to_numpy()).any():
        return Panel(name, *axes, [], title=title, note="not done yet")
    x, y = (values[name].to_numpy() for name in ("surface_x", "surface_y"))
    contours = Contours(x, y, values.transpose("surface_y", "surface_x").to_numpy(), [("S", 0.0, 0.0)])
    return Panel(name, *axes, [contours], title=title, equal=True)


SURFACE = Surface()
