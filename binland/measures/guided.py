"""Errors and flatness along guided shortest paths, `[measure.guided]`.

Verbs: guided_path(start, end, train, options, guide, points, compute) -> a `Path` with .errors, .barrier and
.solution(t), where options are the settings named in the configuration, and guide is a function or None.
local_energy(solution, train, fractions, realizations, seed, compute) -> (fractions, realizations) array.
guided_defaults() -> the family's defaults for settings that are not named, part of the identity of the numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from binland.measures.pair import along_paths
from binland.orders import MOST
from binland.plots.chart import Axis, Chart, Curve, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

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
        """The settings of `Guided` that the configuration names."""
        return {name: getattr(self, name) for name in OPTIONS if getattr(self, name) is not None}


def mean_local_energy(settings: Any, case: Case, solution: Any, seed: Any) -> float:
    """Mean local energy of a solution on a path, at the fraction of the settings."""
    family, fractions = case.family, [settings.fraction]
    draws = family.local_energy(solution, case.train, fractions, settings.realizations, seed, case.compute)
    return float(draws.mean())


class GuidedPaths(Measure[GuidedSettings]):
    """Guided paths between two solutions, in every symmetry state.

    guide: a function as in `Guided`, or None. A plug-in derives from this class, with a name and a method guide(self,
    solution, places, patterns) of its own.
    """

    name, of = "guided", 2
    Settings = GuidedSettings
    guide: Callable[..., Any] | None = None

    def needs(self, settings: GuidedSettings) -> tuple[str, ...]:
        """Verbs: guided paths and local energies."""
        return ("guided_path", "guided_defaults", "local_energy", "distance")

    def test_patterns(self) -> bool:
        """True: test errors are measured along the path."""
        return True

    def variables(self, settings: GuidedSettings) -> dict[str, Variable]:
        """Stored per symmetry state: barrier, curve of train errors, test errors and local energies at some places."""
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
        """Random streams of the local energies."""
        return {state: {"purpose": "guided", "symmetry": state} for state in states}

    def key(self, settings: GuidedSettings) -> dict[str, Any]:
        """All settings, and which guide it is."""
        own = {} if self.guide is None else {"guide": type(self).__qualname__}
        return super().key(settings) | own

    def limits(self, settings: GuidedSettings) -> list[tuple[float, str, str]]:
        """Number of points of a path."""
        return [(settings.profile_points, "points of a path", f"measure.{self.name}.profile_points")]

    def run(self, settings: GuidedSettings, case: Case) -> Arrays:
        """Follow a guided path in every symmetry state."""
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
        """Barriers of guided paths against the swept setting."""
        from binland.plots.curves import of_states, swept_panel

        label = "barrier of guided paths: maximum train error (%)"
        name = f"{self.name}_barrier"
        return [swept_panel(results, name, label, of_states(results, name, 100), order=4, zero=True)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors and local energies along guided paths for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done(self.name, results.data.sel(point)):
                yield f"_{self.name}{ending}", along_guided(results, point, self.name)


def along_guided(results: Any, point: dict[str, Any], name: str) -> Chart:
    """Three panels along guided paths: train error (thin: on random paths), test error, and local energy."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    at = results.data.sel(point)
    random = _curves(results, at, "path_error", {"width": 0.5}, "random") if results.any_done("pair", at) else []
    beside = " (thin: random)" if random else ""
    x, names = Axis("fraction of the flips that are done"), [f"{name}_{what}" for what in QUANTITIES]
    train, test, flat = (_curves(results, at, one, {}, "guided") for one in names)
    panels = [
        Panel(names[0], x, Axis(f"train error (%) on guided paths{beside}", zero=True), [*train, *random]),
        Panel(names[1], x, Axis("test error (%) along guided paths"), test),
        Panel(names[2], x, Axis("local energy along guided paths: increase of the train error (%)"), flat),
    ]
    about = f"{counted(at.sizes['pair'], 'directed pair')}; {error_bar_text(at, 'bands')}."
    facts = headline(results, results.words_of(point), about)
    return Chart(panels, facts, entries=algorithm_entries(results), columns=3, size=(3.8, 4.1))


QUANTITIES = ("error", "test_error", "local_energy")


def _curves(results: Any, at: "xr.Dataset", name: str, look: dict[str, Any], order: str) -> list[Curve]:
    """Curves of the variable `name` along the paths, mean and band, for each algorithm and symmetry state."""
    from binland.plots.error_bars import mean_and_error

    along = str(at[name].dims[-1])
    return along_paths(
        results, at, lambda at: (at[along].to_numpy(), *mean_and_error(at[name], along)), look, order=order
    )


GUIDED = GuidedPaths()
