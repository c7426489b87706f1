"""Exact lowest barriers between two solutions of a small machine, beside other paths, `[measure.bottleneck]`.

Verbs: enumeration(model, train) -> an `Enumeration`, which has .bottleneck; guided_path and guided_defaults as for
`guided`; shortest_paths as for `pair`; annealed_path(start, end, train, options, seed, compute) -> a `Path`, with the
settings of `Annealed` as options.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from binland.measures.enumeration import MOST_WEIGHTS
from binland.plots.chart import Axis, Chart, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Coordinate, Variable

KINDS = ("all", "shortest", "annealed", "guided", "random")
WIDTH = 7.2  # inches of a figure


class BottleneckSettings(OfPairs):
    """[measure.bottleneck]"""

    orders: Positive = Field(5, description="random paths of each pair, of whose barriers the mean is kept")
    budget: Positive = Field(20_000, description="flips that the annealing makes at most; see `bl.Annealed`")
    temperature: Constant = Field(1.0, description="of the annealing at its start; see `bl.Annealed`")

    @property
    def options(self) -> dict[str, Any]:
        """Settings of annealed paths."""
        return {"budget": self.budget, "temperature": self.temperature}


class Bottleneck(Measure[BottleneckSettings]):
    """Lowest barriers over all paths and over shortest paths, in every symmetry state."""

    name, of = "bottleneck", 2
    Settings = BottleneckSettings

    def needs(self, settings: BottleneckSettings) -> tuple[str, ...]:
        """Verbs: the enumeration, and the paths that it is compared with."""
        return ("enumeration", "annealed_path", "guided_path", "guided_defaults", "shortest_paths")

    def most_weights(self, settings: BottleneckSettings) -> int | None:
        """The largest number of weights that can be enumerated."""
        return MOST_WEIGHTS

    def variables(self, settings: BottleneckSettings) -> dict[str, Variable]:
        """Stored per symmetry state: barrier of every kind of path in errors, and length of the lowest path."""
        return {
            "bottleneck_errors": Variable(("symmetry", "path"), "f8", "1", "highest number of train errors on a path"),
            "bottleneck_flips": Variable(("symmetry",), "f8", "1", "flips of the shortest path of the lowest barrier"),
            "bottleneck_distance": Variable(("symmetry",), "f8", "1", "weights that differ"),
        }

    def coordinates(self, settings: BottleneckSettings) -> dict[str, Coordinate]:
        """The kinds of paths."""
        return {"path": Coordinate(KINDS, "lowest of all, lowest of the shortest, annealed and guided; mean of random")}

    def streams(
        self, settings: BottleneckSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random streams of annealed and random orders, for every symmetry state."""
        return {state: {"purpose": "bottleneck", "symmetry": state} for state in states}

    def run(self, settings: BottleneckSettings, case: Case) -> Arrays:
        """Barriers of every kind of path, in every symmetry state."""
        family, train = case.family, case.train
        found = family.enumeration(case.model, train)
        columns: dict[str, list[Any]] = {name: [] for name in self.variables(settings)}
        for state, (start, end) in case.views():
            annealing, random = case.seeds[state].spawn(2)
            lowest = found.bottleneck(start, end)
            straight = found.bottleneck(start, end, "shortest")
            annealed = family.annealed_path(start, end, train, settings.options, annealing, case.compute)
            guided = family.guided_path(start, end, train, {}, None, straight.n_points, case.compute)
            drawn = family.shortest_paths(start, end, train, settings.orders, random, "all", case.compute)
            barriers = [path.barrier for path in (lowest, straight, annealed, guided)] + [drawn.mean]
            columns["bottleneck_errors"].append(train.n_patterns * np.array(barriers))
            columns["bottleneck_flips"].append(lowest.length)
            columns["bottleneck_distance"].append(straight.length)
        return {name: np.array(values, float) for name, values in columns.items()}

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Barriers of all kinds of paths for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("bottleneck", results.data.sel(point)):
                yield f"_bottleneck{ending}", bottlenecks(results, point)


def bottlenecks(results: Any, point: dict[str, Any]) -> Chart:
    """Barriers, in numbers of errors, of every kind of path: a curve for each algorithm and symmetry state."""
    from binland.plots.curves import curve, each
    from binland.plots.error_bars import error_bar_text, mean_and_error
    from binland.plots.style import algorithm_entries
    from binland.plots.text import counted, headline

    at = results.data.sel(point)
    kinds = [str(kind) for kind in at["path"].values]
    x, errors = np.arange(len(kinds), dtype=np.float64), at["bottleneck_errors"]
    curves = [curve(x, mean_and_error(errors.sel(place), "path"), 1, look, **place) for place, look in each(results)]
    y = Axis("barrier: highest number of train errors", zero=True)
    panel = Panel("bottleneck", Axis("paths", ticks=list(zip(x, kinds, strict=True))), y, curves)
    about = f"{counted(at.sizes['pair'], 'directed pair')}; {error_bar_text(at)}."
    facts = headline(results, results.words_of(point), about)
    return Chart([panel], facts, entries=algorithm_entries(results), columns=1, size=(WIDTH, 4.1))


BOTTLENECK = Bottleneck()
