"""Paths with one bend: two shortest paths through a midpoint that is trained again, `[measure.bend]` (paper, appendix
B).

Verbs: those of `pair`, and midpoint(start, end, train, algorithm, seed, compute) -> solution.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.errors import shown
from binland.measures.pair import PathSettings, along_paths, path_limits, paths, position, thinned
from binland.plots.chart import Axis, Chart, Inset, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Section, Text
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

S = TypeVar("S", bound=Section)
LEGS = ("first", "second")


class BendSettings(PathSettings):
    """[measure.bend]"""

    midpoints: int = Field(3, ge=1, le=10_000, description="optimised midpoints of each pair and symmetry state")
    midpoint_algorithm: Text | None = Field(
        None, description="label of the algorithm that trains the midpoints; by default the first of kind SGD"
    )


def with_algorithm(settings: S, key: str, described: Described) -> S:
    """Settings whose key names the training algorithm, by default the first of kind SGD; ValueError without one."""
    label = getattr(settings, key)
    if label is not None and label not in described:
        raise ValueError(f"{key} = {shown(label)} is not one of the algorithms {', '.join(described)}")
    if label is None:
        label = next((name for name in described if described[name]["kind"] == "SGD"), None)
    if label is None:
        raise ValueError(f"needs an algorithm: add one of kind SGD, or name one in {key}")
    return settings.model_copy(update={key: label})


class Bend(Measure[BendSettings]):
    """Distances and barriers along optimised paths."""

    name, of, repeat, latents = "bend", 2, "midpoint", "used"
    Settings = BendSettings

    def needs(self, settings: BendSettings) -> tuple[str, ...]:
        """Verbs of `pair`, and the training of a midpoint."""
        return ("distance", "shortest_paths", "midpoint")

    def completed(self, settings: BendSettings, described: Described) -> BendSettings:
        """Settings with the algorithm by its label, so that the order of the algorithms in the file does not matter."""
        return with_algorithm(settings, "midpoint_algorithm", described)

    def repeats(self, settings: BendSettings) -> int:
        """Number of midpoints of each pair."""
        return settings.midpoints

    def variables(self, settings: BendSettings) -> dict[str, Variable]:
        """Stored per symmetry state: lengths, barriers and curves of both legs, error of the midpoint."""
        return {
            "bend_distance": Variable(
                ("symmetry", "leg"), "f8", "1", "Hamming length of a leg, fraction of the weights"
            ),
            "bend_barrier": Variable(("symmetry", "order"), "f8", "1", "highest train error on an optimised path"),
            "bend_error": Variable(
                ("symmetry", "leg", "position"), "f8", "1", "train error along a leg, mean over orders"
            ),
            "midpoint_error": Variable(("symmetry",), "f8", "1", "train error of the optimised midpoint"),
        }

    def coordinates(self, settings: BendSettings) -> dict[str, Coordinate]:
        """Legs, orders of flips, and positions along a leg."""
        return {"leg": Coordinate(LEGS), "order": Coordinate(settings.orders), "position": position(settings)}

    def streams(self, settings: BendSettings, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """Random streams of the midpoint and of the orders of each leg, for every symmetry state."""
        trained = {"midpoint_algorithm": described[settings.midpoint_algorithm or ""]}
        streams = {}
        for state in states:
            streams[f"{state} midpoint"] = {"purpose": "midpoint", "symmetry": state, **trained}
            for leg in LEGS:
                streams[f"{state} {leg}"] = {"purpose": "bend", "symmetry": state, "leg": leg, **trained}
        return streams

    def key(self, settings: BendSettings) -> dict[str, Any]:
        """Settings of paths that change the numbers."""
        return settings.path_key()

    def limits(self, settings: BendSettings) -> list[tuple[float, str, str]]:
        """Number of points of a path."""
        return path_limits(settings, "bend")

    def trainings(self, settings: BendSettings, states: Sequence[str]) -> dict[str, int]:
        """One training per symmetry state."""
        return {settings.midpoint_algorithm or "": len(states)}

    def run(self, settings: BendSettings, case: Case) -> Arrays:
        """Train the midpoint and follow both legs, in every state."""
        family, algorithm = case.family, case.algorithms[settings.midpoint_algorithm or ""]
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        for state, (start, end) in case.views():
            middle = family.midpoint(start, end, case.train, algorithm, case.seeds[f"{state} midpoint"], case.compute)
            ends = ((start, middle), (middle, end))
            legs = [
                family.shortest_paths(
                    *leg, case.train, settings.orders, case.seeds[f"{state} {name}"], settings.points, case.compute
                )
                for name, leg in zip(LEGS, ends, strict=True)
            ]
            columns["bend_distance"].append([family.distance(*leg) for leg in ends])
            columns["bend_barrier"].append(np.maximum(*(leg.samples for leg in legs)))
            columns["bend_error"].append([thinned(settings, leg.profile) for leg in legs])
            columns["midpoint_error"].append(middle.error(case.train))
        return {name: np.array(values) for name, values in columns.items()}

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Errors along shortest paths, with an inset of the paths with one bend, for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("bend", results.data.sel(point)):
                yield f"_paths{ending}", paths(results, point, optimised(results, point), room=2.1)


def optimised(results: Any, point: dict[str, Any]) -> Inset:
    """An inset of errors along paths with one bend, at a point of the grid."""

    label = f"{results.layout.words['distance'].split(' (')[0]} along the path"
    curves = along_paths(results, results.data.sel(point), _optimised, paths="optimised")
    axes = Axis(label), Axis("train error (%)", zero=True)
    return Inset(Panel("", *axes, curves, title="optimised paths, one bend"), (0.12, 0.61, 0.86, 0.31))


def _optimised(at: "xr.Dataset") -> tuple[NDArray[np.float64], ...]:
    """Distance from the start, mean train error and its error bar along both legs, each of shape (T,)."""
    from binland.plots.error_bars import mean_and_error

    begin, curves = 0.0, []
    position = str(at["bend_error"].dims[-1])
    for leg in at["leg"].values:
        length = float(at["bend_distance"].sel(leg=leg).mean())
        x = begin + length * at[position].to_numpy()
        curves.append((x, *mean_and_error(at["bend_error"].sel(leg=leg), position)))
        begin += length
    return tuple(np.concatenate(column) for column in zip(*curves, strict=True))


BEND = Bend()
