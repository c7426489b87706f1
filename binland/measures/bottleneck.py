"""The lowest barriers between two solutions of a small machine, exactly, beside those of drawn paths,
`[measure.bottleneck]`.

Verbs: enumeration(model, train) -> an `Enumeration`, which has .bottleneck; guided_path and guided_defaults as of
`guided`; shortest_paths as of `pair`; annealed_path(start, end, train, options, seed, compute) -> a `Path`, options:
settings of `Annealed`.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from binland.measures.enumeration import MOST_WEIGHTS
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("all", "shortest", "annealed", "guided", "random")
WIDTH = 7.2  # inches of a figure


class BottleneckSettings(OfPairs):
    """[measure.bottleneck]"""

    orders: Positive = Field(5, description="random paths of each pair, of whose barriers the mean is kept")
    budget: Positive = Field(20_000, description="flips that the annealing makes at most; see `bl.Annealed`")
    temperature: Constant = Field(1.0, description="of the annealing at its start; see `bl.Annealed`")

    @property
    def options(self) -> dict[str, Any]:
        """Of annealed paths."""
        return {"budget": self.budget, "temperature": self.temperature}


class Bottleneck(Measure[BottleneckSettings]):
    """Barriers over all paths and over all shortest ones, in every symmetry state."""

    name, of = "bottleneck", 2
    Settings = BottleneckSettings

    def needs(self, settings: BottleneckSettings) -> tuple[str, ...]:
        """The enumeration, and what its paths are compared with."""
        return ("enumeration", "annealed_path", "guided_path", "guided_defaults", "shortest_paths")

    def most_weights(self, settings: BottleneckSettings) -> int | None:
        """As many as can be enumerated."""
        return MOST_WEIGHTS

    def variables(self, settings: BottleneckSettings) -> dict[str, Variable]:
        """Per state: errors at the barrier of every kind of path, and flips of the lowest one."""
        return {
            "bottleneck_errors": Variable(("symmetry", "path"), "f8", "1", "highest number of train errors on a path"),
            "bottleneck_flips": Variable(("symmetry",), "f8", "1", "flips of the shortest path of the lowest barrier"),
            "bottleneck_distance": Variable(("symmetry",), "f8", "1", "weights that differ"),
        }

    def coordinates(self, settings: BottleneckSettings) -> dict[str, Coordinate]:
        """Kinds of paths."""
        return {"path": Coordinate(KINDS, "lowest of all, lowest of the shortest, annealed and guided; mean of random")}

    def streams(
        self, settings: BottleneckSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Annealed and random orders, in every state."""
        return {state: {"purpose": "bottleneck", "symmetry": state} for state in states}

    def run(self, settings: BottleneckSettings, case: Case) -> Arrays:
        """Every kind of path, in every state."""
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

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """At every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done("bottleneck", results.data.sel(point)):
                yield f"_bottleneck{ending}", _draw_figure(results, point)


def draw_bottlenecks(axes: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Errors at the barrier of every kind of path, a curve for every algorithm and state."""
    from binland.plots.style import errorbar, mean_and_error, opacity, style

    at = results.data.sel(point)["bottleneck_errors"]
    kinds = [str(kind) for kind in at["path"].values]
    for algorithm in results.labels:
        for state in results.states:
            mean, error = mean_and_error(at.sel(algorithm=algorithm, symmetry=state), "path")
            look = style(results, algorithm) | {"alpha": opacity(results, state)}
            errorbar(axes, np.arange(len(kinds), dtype=np.float64), mean, error, **look)
    axes.set_xticks(np.arange(len(kinds)), kinds)
    axes.set_xlabel("paths")
    axes.set_ylabel("barrier: highest number of train errors")
    axes.set_ylim(bottom=0)


def _draw_figure(results: Any, point: dict[str, Any]) -> "Figure":
    from matplotlib.figure import Figure

    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import error_bar_text, headline, short

    at = results.data.sel(point)
    figure = Figure((WIDTH, 4.1), layout="constrained")
    draw_bottlenecks(figure.subplots(), results, point)
    about = f"{at.sizes['pair']} directed pairs; {error_bar_text(at)}."
    title = headline(results, results.words_of(point), about, inches=WIDTH)
    return framed(figure, title, algorithm_entries(results, {label: short(label) for label in results.labels}))


BOTTLENECK = Bottleneck()
