"""The lowest barriers that are found between two solutions, beside what no path can go below, `[measure.lowest]`.

Verbs: lowest_path(start, end, train, options, seed, compute) -> a `Path` with .barrier and .errors: annealed, options
being settings of `Annealed`, or the best of all orders where the flips are few. guided_defaults() -> what the family
takes for the order that annealing begins with.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LowestSettings(OfPairs):
    """[measure.lowest], an annealed path. It begins with a guided order and ends as soon as no state has more errors
    than the worse end; where it cannot, it makes as many flips as the budget allows, which takes seconds."""

    budget: Positive = Field(200_000, description="flips that the annealing makes at most; see `bl.Annealed`")
    reach: Positive = Field(300, description="how far a flip may move in the order")
    temperature: Constant = Field(1.0, description="of the annealing at its start; see `bl.Annealed`")

    @property
    def options(self) -> dict[str, Any]:
        """Of `Annealed`."""
        return {"budget": self.budget, "reach": self.reach, "temperature": self.temperature}


class LowestBarriers(Measure[LowestSettings]):
    """Lowest barriers between two solutions that are found, in every symmetry state."""

    name, of = "lowest", 2
    Settings = LowestSettings

    def needs(self, settings: LowestSettings) -> tuple[str, ...]:
        """Annealed paths, from guided ones, or better."""
        return ("lowest_path", "guided_defaults")

    def variables(self, settings: LowestSettings) -> dict[str, Variable]:
        """Per state the barrier, and its bound."""
        return {
            "lowest_barrier": Variable(("symmetry",), "f8", "1", "highest train error on the lowest path found"),
            "lowest_bound": Variable((), "f8", "1", "train error of the worse end, which no path can be below"),
        }

    def streams(
        self, settings: LowestSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """The moves, in every state."""
        return {state: {"purpose": "lowest", "symmetry": state} for state in states}

    def run(self, settings: LowestSettings, case: Case) -> Arrays:
        """A path in every state; its bound is the same in all."""
        paths = [
            case.family.lowest_path(start, end, case.train, settings.options, case.seeds[state], case.compute)
            for state, (start, end) in case.views()
        ]
        bound = max(paths[0].errors[0], paths[0].errors[-1])
        return {"lowest_barrier": np.array([path.barrier for path in paths]), "lowest_bound": np.array(bound)}

    def panels(self, results: Any) -> list[Any]:
        """Lowest barriers against the swept setting."""
        return [(5, draw_lowest)]


def draw_lowest(axes: "Axes", results: Any) -> None:
    """Annealed barriers, and their bound dotted."""
    from binland.plots.curves import draw_one, draw_states
    from binland.plots.style import style

    for algorithm in results.labels:
        look = style(results, algorithm) | {"linestyle": ":", "marker": ""}
        draw_one(axes, results, results.data["lowest_bound"].sel(algorithm=algorithm), 100, look)
    label = "lowest barrier found (%), dotted: worse end"
    draw_states(axes, results, "lowest_barrier", label, scale=100, from_zero=True)


LOWEST = LowestBarriers()
