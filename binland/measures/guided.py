"""Errors and flatness along guided shortest paths, `[measure.guided]`.

Verbs: guided_path(start, end, train, options, guide, points, compute) -> a `Path` with .errors, .barrier and
.solution(t); options: the settings that the configuration names, guide: another's gains or None.
local_energy(solution, train, fractions, realizations, seed, compute) -> (fractions, realizations) array.
guided_defaults() -> what the family takes for other settings, part of the identity of its numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from binland.measures.pair import draw_along
from binland.orders import MOST
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = Annotated[int, Field(ge=2, le=100_000)]
Count = Annotated[int, Field(ge=1, le=MOST)]
OPTIONS = ("stages", "candidates", "forced", "steepness", "window")


class GuidedSettings(OfPairs):
    """[measure.guided]; what is not given is as in `bl.Guided()`, of deep networks as in `db.Guided()`."""

    stages: Count | None = Field(None, description="how often the gains of all flips are computed along the path")
    candidates: Count | None = Field(None, description="flips that are tried at most for each flip of a stage")
    forced: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="share of a stage's flips that are done although all candidates raise the error"
    )
    steepness: Constant | None = Field(None, description="s of the smooth count of the errors, sigma(-s z)")
    window: Constant | None = Field(None, description="v, the width of the window of pre-activations that count")
    profile_points: Points = Field(51, description="points of the stored curve of train errors")
    places: int = Field(
        5, ge=2, le=1000, description="evenly spaced points, ends included, where test error and local energy are taken"
    )
    fraction: float = Field(0.05, ge=0, le=1, description="share of changed weights, for these local energies")
    realizations: Positive = Field(10, description="random draws of each of these local energies")

    @property
    def options(self) -> dict[str, Any]:
        """Settings of `Guided` that are named."""
        return {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}


def mean_local_energy(settings: Any, case: Case, solution: Any, seed: Any) -> float:
    """Of a solution on a path, at the fraction and over the realisations of the settings."""
    family, fractions = case.family, [settings.fraction]
    draws = family.local_energy(solution, case.train, fractions, settings.realizations, seed, case.compute)
    return float(draws.mean())


class GuidedPaths(Measure[GuidedSettings]):
    """Guided paths between two solutions, in every symmetry state.

    guide: another one's gains, as in `Guided`. A plug-in derives from this class, with a name and a method guide(self,
    solution, places, patterns) of its own.
    """

    name, of = "guided", 2
    Settings = GuidedSettings
    guide: Callable[..., Any] | None = None

    def needs(self, settings: GuidedSettings) -> tuple[str, ...]:
        """Guided paths and local energies."""
        return ("guided_path", "guided_defaults", "local_energy", "distance")

    def test_patterns(self) -> bool:
        """Along the path."""
        return True

    def variables(self, settings: GuidedSettings) -> dict[str, Variable]:
        """Per state: barrier, mean curve, and what is measured at some places."""
        along = ("symmetry", self._place)
        energy = (
            f"local energy along the path: train error after {settings.fraction:g} of the signs flipped, minus before"
        )
        return {
            f"{self.name}_barrier": Variable(("symmetry",), "f8", "1", "highest train error on a guided path"),
            f"{self.name}_error": Variable(("symmetry", self._position), "f8", "1", "train error along it"),
            f"{self.name}_test_error": Variable(along, "f8", "1", "test error along it"),
            f"{self.name}_local_energy": Variable(along, "f8", "1", energy),
        }

    @property
    def _position(self) -> str:
        return f"{self.name}_position"

    @property
    def _place(self) -> str:
        return f"{self.name}_place"

    def coordinates(self, settings: GuidedSettings) -> dict[str, Coordinate]:
        """Places along the path."""
        counts = {self._position: settings.profile_points, self._place: settings.places}
        return {
            name: Coordinate(tuple(np.linspace(0, 1, count).tolist()), "fraction of the path's flips that are done")
            for name, count in counts.items()
        }

    def streams(
        self, settings: GuidedSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """The flips of the local energies."""
        return {state: {"purpose": "guided", "symmetry": state} for state in states}

    def key(self, settings: GuidedSettings) -> dict[str, Any]:
        """All settings, and whose guide it is."""
        own = {} if self.guide is None else {"guide": type(self).__qualname__}
        return super().key(settings) | own

    def limits(self, settings: GuidedSettings) -> list[tuple[float, str, str]]:
        """Points of a path."""
        return [(settings.profile_points, "points of a path", f"measure.{self.name}.profile_points")]

    def run(self, settings: GuidedSettings, case: Case) -> Arrays:
        """A path in every state."""
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        for state, (start, end) in case.views():
            path = case.family.guided_path(
                start, end, case.train, settings.options, self.guide, settings.profile_points, case.compute
            )
            steps = np.linspace(0, path.n_points - 1, settings.profile_points).round().astype(int)
            seeds = case.seeds[state].spawn(settings.places)
            solutions = [path.solution(t) for t in np.linspace(0, 1, settings.places)]
            energies = [
                mean_local_energy(settings, case, here, seed) for here, seed in zip(solutions, seeds, strict=True)
            ]
            columns[f"{self.name}_barrier"].append(path.barrier)
            columns[f"{self.name}_error"].append(path.errors[steps])
            columns[f"{self.name}_test_error"].append([here.error(case.test) for here in solutions])
            columns[f"{self.name}_local_energy"].append(energies)
        return {name: np.array(values) for name, values in columns.items()}

    def panels(self, results: Any) -> list[Any]:
        """Barriers against the swept setting."""
        return [(4, self._draw_barriers)]

    def _draw_barriers(self, axes: "Axes", results: Any) -> None:
        from binland.plots.curves import draw_states

        label = "barrier of guided paths: maximum train error (%)"
        draw_states(axes, results, f"{self.name}_barrier", label, scale=100, from_zero=True)

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Errors and flatness along the paths, at every point of the grid."""
        for ending, point in results.named_points():
            figure = draw_along_guided(results, point, self.name)
            if figure is not None:
                yield f"_{self.name}{ending}", figure


WIDTH, HEIGHT = 11.4, 4.1  # inches, without headline and legend


def draw_along_guided(results: Any, point: dict[str, Any], name: str) -> "Figure | None":
    """Train error on random and guided paths, test error and local energy along the latter; None if none is done."""
    from matplotlib.figure import Figure

    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import error_bar_text, headline, short

    at = results.data.sel(point)
    if not results.any_done(name, at):
        return None
    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    train, test, flat = figure.subplots(1, 3)
    _draw(train, results, at, f"{name}_error")
    if results.any_done("pair", at):
        _draw(train, results, at, "path_error", linestyle=":")
    _draw(test, results, at, f"{name}_test_error")
    _draw(flat, results, at, f"{name}_local_energy")
    beside = " (dotted: random)" if results.any_done("pair", at) else ""
    for axes, label in (
        (train, f"train error (%) on guided paths{beside}"),
        (test, "test error (%) along guided paths"),
        (flat, "local energy (train error, %) along guided paths"),
    ):
        axes.set_ylabel(label)
        axes.set_xlabel("fraction of the flips that are done")
    train.set_ylim(bottom=0)
    about = f"{at.sizes['pair']} directed pairs; {error_bar_text(at, 'bands')}."
    title = headline(results, results.words_of(point), about, inches=WIDTH)
    return framed(figure, title, algorithm_entries(results, {label: short(label) for label in results.labels}))


def _draw(axes: "Axes", results: Any, at: "xr.Dataset", name: str, **look: Any) -> None:
    """A quantity along the paths, mean and band of every algorithm."""
    from binland.plots.style import mean_and_error

    along = str(at[name].dims[-1])
    draw_along(axes, results, at, lambda at: (at[along].to_numpy(), *mean_and_error(at[name], along)), **look)


GUIDED = GuidedPaths()
