"""Local entropy: how many weights without a train error lie at a distance from a solution, `[measure.local_entropy]`.

Verb: local_entropy(solution, train, distances, options, seed, compute) -> entropies per weight (distances,), and
whether they are to be trusted (distances,); options: the settings besides distances and method.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field
from scipy.special import entr

from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section, distinct
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
        """Of the method."""
        return {"damping": self.damping, "tolerance": self.tolerance, "max_sweeps": self.max_sweeps}


class LocalEntropy(Measure[LocalEntropySettings]):
    """Entropy per weight of the weights without a train error at some distances from each solution."""

    name, of = "local_entropy", 1
    Settings = LocalEntropySettings

    def needs(self, settings: LocalEntropySettings) -> tuple[str, ...]:
        """A local entropy."""
        return ("local_entropy",)

    def variables(self, settings: LocalEntropySettings) -> dict[str, Variable]:
        """The entropy, and whether its messages converged."""
        meaning = "ln(number of weights without a train error at this distance from the solution) / weights"
        return {
            "local_entropy": Variable((ALONG,), "f8", "1", meaning),
            "local_entropy_converged": Variable((ALONG,), "i1", "1", "1 where belief propagation converged, else 0"),
        }

    def coordinates(self, settings: LocalEntropySettings) -> dict[str, Coordinate]:
        """Distances."""
        return {
            ALONG: Coordinate(tuple(settings.distances), "Hamming distance from the solution (fraction of weights)")
        }

    def streams(
        self, settings: LocalEntropySettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """The order of the messages."""
        return {"local_entropy": {"purpose": "local_entropy"}}

    def run(self, settings: LocalEntropySettings, case: Case) -> Arrays:
        """Every distance."""
        (solution,) = case.solutions
        seed = case.seeds["local_entropy"]
        entropy, converged = case.family.local_entropy(
            solution, case.train, settings.distances, settings.options, seed, case.compute
        )
        return {"local_entropy": np.asarray(entropy), "local_entropy_converged": np.asarray(converged, np.int8)}

    def quick(self, settings: LocalEntropySettings) -> tuple[LocalEntropySettings, float]:
        """One of the distances."""
        middle = settings.distances[len(settings.distances) // 2]
        return settings.model_copy(update={"distances": [middle]}), float(len(settings.distances))

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Against the distance, at every point of the grid."""
        for ending, point in results.named_points():
            if results.any_done(self.name, results.data.sel(point)):
                yield f"_local_entropy{ending}", _figure(results, point)


WIDTH, HEIGHT = 5.6, 4.1  # inches, without headline and legend


def _figure(results: Any, point: dict[str, Any]) -> "Figure":
    """A panel with headline and legend."""
    from matplotlib.figure import Figure

    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import error_bar_text, headline, short

    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    draw_local_entropy(figure.subplots(), results, point)
    about = f"black: all weights. {error_bar_text(results.data.sel(point))}."
    title = headline(results, results.words_of(point), about, inches=WIDTH)
    entries = algorithm_entries(results, {label: short(label) for label in results.labels}, with_states=False)
    return framed(figure, title, entries)


def draw_local_entropy(ax: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Local entropy against the distance at one point of the grid, a curve for every algorithm, where it converged;
    beside it the upper bound, the entropy of all weights at that distance."""
    from binland.plots.overlay import lay_over
    from binland.plots.style import errorbar, mean_and_error, style

    data = results.data.sel(point)
    x = data[ALONG].to_numpy()
    order = np.argsort(x)
    known = data["local_entropy"].where(data["local_entropy_converged"] == 1)
    for algorithm in results.labels:
        mean, error = mean_and_error(known.sel(algorithm=algorithm), ALONG)
        errorbar(ax, x[order], mean[order], error[order], label=algorithm, **style(results, algorithm))
    fine = np.linspace(0, x.max(), 200)
    ax.plot(fine, entr(fine) + entr(1 - fine), color="black", linewidth=1)
    ax.set_xlabel("Hamming distance from the solution (fraction of weights)")
    ax.set_ylabel(f"local entropy per weight{results.at(point)}")
    lay_over(ax, results, "local_entropy", point)


LOCAL_ENTROPY = LocalEntropy()
