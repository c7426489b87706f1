"""The lowest barriers that can be found between two solutions, and their lower bound, `[measure.lowest]`.

Verbs: lowest_path(start, end, train, options, seed, compute) -> a `Path` with .barrier and .errors: annealed, with the
settings of `Annealed` as options, or the best of all orders if there are few flips. guided_defaults() -> the family's
defaults for the order that annealing begins with.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LowestSettings(OfPairs):
    """Settings of [measure.lowest].

    budget, reach, temperature: as in `Annealed`. Annealing begins with a guided order and ends once no state has more
    errors than the worse end; otherwise it uses the whole budget, which takes seconds.
    """

    budget: Positive = 200_000
    reach: Positive = 300
    temperature: Constant = 1.0

    @property
    def options(self) -> dict[str, Any]:
        """Settings of annealed paths."""
        return {"budget": self.budget, "reach": self.reach, "temperature": self.temperature}


class LowestBarriers(Measure[LowestSettings]):
    """The lowest barriers that can be found between two solutions, in every symmetry state."""

    name, of = "lowest", 2
    Settings = LowestSettings

    def needs(self, settings: LowestSettings) -> tuple[str, ...]:
        """Verb: annealed (or exact) paths, which start from guided ones."""
        return ("lowest_path", "guided_defaults")

    def variables(self, settings: LowestSettings) -> dict[str, Variable]:
        """Stored per symmetry state: the barrier and its lower bound, the error of the worse end."""
        return {
            "lowest_barrier": Variable(("symmetry",), "f8", "1", "highest train error on the lowest path found"),
            "lowest_bound": Variable((), "f8", "1", "train error of the worse end, which no path can be below"),
        }

    def streams(
        self, settings: LowestSettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of the moves, for every symmetry state."""
        return {state: {"purpose": "lowest", "symmetry": state} for state in states}

    def run(self, settings: LowestSettings, case: Case) -> Arrays:
        """Find a path in every symmetry state; the bound is the same in all."""
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
