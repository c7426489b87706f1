"""Local entropy: how many weights without a train error lie at a distance from a solution, `[measure.local_entropy]`.

Verb: local_entropy(solution, train, distances, options, seed, compute) -> entropies per weight (distances,), and
whether they converged (distances,); options: all settings except distances and method.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from scipy.special import entr

from binland.plots.chart import Axis, Chart, Curve, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

Distance = Annotated[float, Field(gt=0, lt=1)]
ALONG = "local_entropy_distance"


class LocalEntropySettings(Section):
    """[measure.local_entropy]"""

    distances: Annotated[list[Distance], Field(min_length=1), distinct("distance")] = Field(
        [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3],
        description="distances from the solution, as shares of the weights",
    )
    method: Literal["bp"] = Field("bp", description="belief propagation, the only one")
    damping: float = Field(0.0, ge=0, lt=1, description="share of an old message that stays")
    tolerance: float = Field(1e-3, ge=1e-9, le=1, description="messages have converged where none changes by more")
    max_sweeps: Positive = Field(500, description="sweeps of belief propagation, at most")

    @property
    def options(self) -> dict[str, Any]:
        """Options of the method."""
        return {"damping": self.damping, "tolerance": self.tolerance, "max_sweeps": self.max_sweeps}


class LocalEntropy(Measure[LocalEntropySettings]):
    """Local entropy per weight at some distances from each solution."""

    name, of = "local_entropy", 1
    Settings = LocalEntropySettings

    def needs(self, settings: LocalEntropySettings) -> tuple[str, ...]:
        """Verb: the local entropy."""
        return ("local_entropy",)

    def variables(self, settings: LocalEntropySettings) -> dict[str, Variable]:
        """Stored: the entropy, and whether messages converged."""
        meaning = "ln(number of weights without a train error at this distance from the solution) / weights"
        return {
            "local_entropy": Variable((ALONG,), "f8", "1", meaning),
            "local_entropy_converged": Variable((ALONG,), "i1", "1", "1 where belief propagation converged, else 0"),
        }

    def coordinates(self, settings: LocalEntropySettings) -> dict[str, Coordinate]:
        """The distances."""
        return {
            ALONG: Coordinate(tuple(settings.distances), "Hamming distance from the solution (fraction of weights)")
        }

    def streams(
        self, settings: LocalEntropySettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of the order of the messages."""
        return {"local_entropy": {"purpose": "local_entropy"}}

    def run(self, settings: LocalEntropySettings, case: Case) -> Arrays:
        """Compute the entropy at every distance."""
        (solution,) = case.solutions
        seed = case.seeds["local_entropy"]
        entropy, converged = case.family.local_entropy(
            solution, case.train, settings.distances, settings.options, seed, case.compute
        )
        return {"local_entropy": np.asarray(entropy), "local_entropy_converged": np.asarray(converged, np.int8)}

    def quick(self, settings: LocalEntropySettings) -> tuple[LocalEntropySettings, float]:
        """A single distance."""
        middle = settings.distances[len(settings.distances) // 2]
        return settings.model_copy(update={"distances": [middle]}), float(len(settings.distances))

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Local entropies against the distance for every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done(self.name, results.data.sel(point)):
                yield f"_local_entropy{ending}", entropies(results, point)


def entropies(results: Any, point: dict[str, Any]) -> Chart:
    """Local entropy against the distance at a point of the grid, a curve for each algorithm.

    Numbers whose computation did not converge are left out. The upper bound, the entropy of all weights at that
    distance, is a curve of theory.
    """
    from binland.plots.curves import against
    from binland.plots.error_bars import error_bar_text
    from binland.plots.overlay import lay_over
    from binland.plots.style import BOUND, algorithm_entries
    from binland.plots.text import headline

    data = results.data.sel(point).sortby(ALONG)
    known = data["local_entropy"].where(data["local_entropy_converged"] == 1)
    x = data[ALONG].to_numpy()
    curves = against(results, x, known, ALONG)
    fine = np.linspace(0, x.max(), 200)
    bound = Curve(fine, entr(fine) + entr(1 - fine), look=BOUND, name="all weights", theory=True)
    axes = Axis("Hamming distance from the solution (fraction of weights)"), Axis("local entropy per weight")
    panel = lay_over(Panel("local_entropy", *axes, [*curves, bound]), results, point)
    facts = headline(results, results.words_of(point), f"{error_bar_text(data)}.")
    entries = algorithm_entries(results, with_states=False)
    return Chart([panel], facts, entries=entries, columns=1, size=(5.6, 4.1))


LOCAL_ENTROPY = LocalEntropy()
