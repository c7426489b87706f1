"""Midpoints of guided paths between three solutions, midpoints of these, and so on, `[measure.middles]`.

Flatness, generalisation and distances are measured from generation to generation. Verbs: those of `guided`;
majority(model, solutions) -> the solution with the signs of the sum of their weights; trained_from(solution, train,
algorithm, seed, compute) -> the solution of a training that starts at another one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from binland.measures.bend import with_algorithm
from binland.measures.guided import mean_local_energy
from binland.plots.chart import Axis, Chart, Curve, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, Text
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

POINTS = 51  # points of a path where errors are counted, in families that do not count after every flip
BESIDE = ("majority", "trained")  # the sign of the sum of the three solutions; a training from a middle of two


class MiddlesSettings(Section):
    """[measure.middles]"""

    generations: int = Field(
        3, ge=1, le=100, description="how often middles are taken: 1, of the solutions; 2, of these middles too; ..."
    )
    fraction: float = Field(0.05, ge=0, le=1, description="share of changed weights, for local energies")
    realizations: Positive = Field(10, description="random draws of each local energy")
    algorithm: Text | None = Field(
        None, description="label of the algorithm that trains on from a middle; by default the first of kind SGD"
    )


class Middles(Measure[MiddlesSettings]):
    """Three solutions, the midpoints of guided paths between them, and so on, in every symmetry state."""

    name, of, latents = "middles", 3, "used"
    Settings = MiddlesSettings

    def needs(self, settings: MiddlesSettings) -> tuple[str, ...]:
        """Verbs: guided paths, and what midpoints are compared with."""
        return ("guided_path", "guided_defaults", "local_energy", "distance", "majority", "trained_from")

    def test_patterns(self) -> bool:
        """True: test errors are measured in every generation."""
        return True

    def completed(self, settings: MiddlesSettings, described: Described) -> MiddlesSettings:
        """Settings with the algorithm by its label."""
        return with_algorithm(settings, "algorithm", described)

    def variables(self, settings: MiddlesSettings) -> dict[str, Variable]:
        """Stored per symmetry state and generation, means over three: errors, local energy, distances, barriers."""
        along, beside = ("symmetry", "generation"), ("symmetry", "beside")
        energy = f"train error after {settings.fraction:g} of the signs flipped minus train error"
        of_three = "mean over the three solutions of a generation"
        return {
            "middles_train_error": Variable(along, "f8", "1", f"train error, {of_three}"),
            "middles_test_error": Variable(along, "f8", "1", f"test error, {of_three}"),
            "middles_local_energy": Variable(along, "f8", "1", f"{energy}, {of_three}"),
            "middles_distance": Variable(along, "f8", "1", "distance of two of a generation, mean over pairs"),
            "middles_barrier": Variable(along, "f8", "1", "highest train error on a guided path, mean over the pairs"),
            "beside_train_error": Variable(beside, "f8", "1", "train error"),
            "beside_test_error": Variable(beside, "f8", "1", "test error"),
            "beside_local_energy": Variable(beside, "f8", "1", energy),
        }

    def coordinates(self, settings: MiddlesSettings) -> dict[str, Coordinate]:
        """Generations, of which the first are the solutions, and what they are compared with."""
        return {"generation": Coordinate(tuple(range(settings.generations + 1))), "beside": Coordinate(BESIDE)}

    def streams(
        self, settings: MiddlesSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random streams of the local energies and of the training."""
        trained = {"midpoint_algorithm": described[settings.algorithm or ""]}
        return {
            name: stream
            for state in states
            for name, stream in (
                (state, {"purpose": "guided", "symmetry": state}),
                (f"{state} trained", {"purpose": "midpoint", "symmetry": state, "guided": True, **trained}),
            )
        }

    def trainings(self, settings: MiddlesSettings, states: Sequence[str]) -> dict[str, int]:
        """One training per symmetry state, from a midpoint."""
        return {settings.algorithm or "": len(states)}

    def run(self, settings: MiddlesSettings, case: Case) -> Arrays:
        """Take midpoints generation by generation, in every symmetry state."""
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        algorithm = case.algorithms[settings.algorithm or ""]
        for state, three in case.views():
            seeds = iter(case.seeds[state].spawn(3 * settings.generations + 5))
            rows = []
            for generation in range(settings.generations + 1):
                paths = [
                    case.family.guided_path(a, b, case.train, {}, None, 51, case.compute)
                    for a, b in combinations(three, 2)
                ]
                distance = np.mean([case.family.distance(a, b) for a, b in combinations(three, 2)])
                looks = [self._look(settings, case, one, next(seeds)) for one in three]
                rows.append([*np.mean(looks, axis=0), distance, np.mean([path.barrier for path in paths])])
                if generation == 0:
                    trained = case.family.trained_from(
                        paths[0].solution(0.5), case.train, algorithm, case.seeds[f"{state} trained"], case.compute
                    )
                    others = (case.family.majority(case.model, three), trained)
                three = [path.solution(0.5) for path in paths]
            beside = [self._look(settings, case, one, next(seeds)) for one in others]
            values = [*np.transpose(rows), *np.transpose(beside)]
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
        return {name: np.array(values) for name, values in columns.items()}

    def _look(self, settings: MiddlesSettings, case: Case, solution: Any, seed: Any) -> tuple[float, float, float]:
        """Train error, test error and local energy of a solution."""
        energy = mean_local_energy(settings, case, solution, seed)
        return solution.error(case.train), solution.error(case.test), energy

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors, local energies and distances by generation, for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("middles", results.data.sel(point)):
                yield f"_middles{ending}", middles(results, point)


PANELS = (
    ("middles_test_error", "beside_test_error", "test error (%)"),
    ("middles_local_energy", "beside_local_energy", "local energy: increase of the train error (%)"),
    ("middles_distance", None, "distance of two (% of its largest value)"),
)


def middles(results: Any, point: dict[str, Any]) -> Chart:
    """Three panels: test error, local energy and distance against the generation."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import headline

    at = results.data.sel(point)
    panels = [
        Panel(
            name,
            Axis(ticks=_ticks(at, beside), slanted=True),
            Axis(label, zero=True),
            _curves(results, at, name, beside),
        )
        for name, beside, label in PANELS
    ]
    about = f"{error_bar_text(at, 'error bars')}; aside: majority of three, training from a middle."
    facts = headline(results, results.words_of(point), about)
    return Chart(panels, facts, entries=algorithm_entries(results), columns=3, size=(3.8, 4.1))


def _ticks(at: "xr.Dataset", beside: str | None) -> list[tuple[float, str]]:
    """Ticks of the x axis: the generations, then what they are compared with."""
    generations = at["generation"].to_numpy().astype(float)
    names = ["solutions", "middles", *(f"generation {k}" for k in range(2, len(generations)))]
    aside = BESIDE if beside is not None else ()
    places = [*generations, *(generations[-1] + 1.5 + k for k in range(len(aside)))]
    return list(zip(places, [*names, *aside], strict=True))


def _curves(results: Any, at: "xr.Dataset", name: str, beside: str | None) -> list[Curve]:
    """A curve for each algorithm and symmetry state, and points for the majority and a training from a midpoint."""
    from binland.plots.curves import curve, each
    from binland.plots.error_bars import mean_and_error

    generations = at["generation"].to_numpy().astype(float)
    curves = []
    for place, look in each(results):
        mean, error = mean_and_error(at[name].sel(place), "generation")
        unit = 100 / (float(mean.max()) or 1.0) if beside is None else 100
        curves.append(curve(generations, (mean, error), unit, look, **place))
        if beside is not None:
            points = mean_and_error(at[beside].sel(place), "beside")
            x = generations[-1] + 1.5 + np.arange(len(points[0]))
            curves.append(curve(x, points, 100, replace(look, line=""), **place, what="beside"))
    return curves


MIDDLES = Middles()
