"""The lowest barriers that can be found between two solutions, and their lower bound, `[measure.lowest]`.

Verbs: lowest_path(start, end, train, options, seed, compute) -> a `Path` with .barrier and .errors: annealed, with the
settings of `Annealed` as options, or the best of all orders if there are few flips. guided_defaults() -> the family's
defaults for the order that annealing begins with.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from binland.plots.chart import Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure, OfPairs
from binland.sweep.contracts.section import Constant, Positive
from binland.sweep.contracts.variable import Variable


class LowestSettings(OfPairs):
    """[measure.lowest], an annealed path. It begins with a guided order and ends as soon as no state has more errors
    than the worse end; where it cannot, it makes as many flips as the budget allows, which takes seconds."""

    budget: Positive = Field(200_000, description="flips that the annealing makes at most; see `bl.Annealed`")
    reach: Positive = Field(300, description="how far a flip may move in the order")
    temperature: Constant = Field(1.0, description="of the annealing at its start; see `bl.Annealed`")

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
        return [lowest(results)]


def lowest(results: Any) -> Panel:
    """Lowest barriers found against the swept setting; thin lines are their lower bound, the error of the worse end."""
    from binland.plots.curves import of_algorithms, of_states, swept_panel

    bounds = [
        replace(one, look=replace(one.look, marker="", width=0.6))
        for one in of_algorithms(results, "lowest_bound", 100, what="worse end")
    ]
    curves = of_states(results, "lowest_barrier", 100)
    label = "lowest barrier found (%); thin: worse end"
    return swept_panel(results, "lowest", label, [*bounds, *curves], order=5, zero=True)


LOWEST = LowestBarriers()
