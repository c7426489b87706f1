"""All solutions of a small machine around the trained ones, exactly, `[measure.enumeration]`.

Verb: enumeration(model, train) -> an `Enumeration` of all weight vectors on the training patterns; asked for once more
with the same patterns it should be at hand.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 9.6  # inches of a figure
MOST_WEIGHTS = 28  # of `binland.enumeration`, which is not imported for a declaration


class EnumerationSettings(Section):
    """[measure.enumeration]"""

    energies: int = Field(
        51, ge=1, le=100_000, description="weight vectors are counted for so many numbers of errors: 0, 1, 2, ..."
    )


class Enumerations(Measure[EnumerationSettings]):
    """Numbers of solutions, their distances from a trained one, and the components that they form."""

    name, of = "enumeration", 1
    Settings = EnumerationSettings

    def needs(self, settings: EnumerationSettings) -> tuple[str, ...]:
        """The enumeration."""
        return ("enumeration",)

    def most_weights(self, settings: EnumerationSettings) -> int | None:
        """As many as can be enumerated."""
        return MOST_WEIGHTS

    def variables(self, settings: EnumerationSettings) -> dict[str, Variable]:
        """Of all solutions of the patterns, and of the component that the trained one is in."""
        at = "number of weight vectors without a train error"
        return {
            "enumeration_distances": Variable(("flips",), "f8", "1", f"{at}, at a distance from the trained one"),
            "enumeration_energies": Variable(("errors",), "f8", "1", "number of weight vectors with so many errors"),
            "enumeration_solutions": Variable((), "f8", "1", at),
            "enumeration_components": Variable((), "f8", "1", "number of components of solutions, by single flips"),
            "enumeration_largest": Variable((), "f8", "1", "number of solutions in the largest component"),
            "enumeration_own": Variable((), "f8", "1", "number of solutions in that of the trained one, 0 if none"),
        }

    def coordinates(self, settings: EnumerationSettings) -> dict[str, Coordinate]:
        """Distances in flips, and numbers of errors."""
        return {
            "flips": Coordinate(tuple(range(MOST_WEIGHTS + 1)), "Hamming distance in weights"),
            "errors": Coordinate(tuple(range(settings.energies)), "number of wrong patterns"),
        }

    def limits(self, settings: EnumerationSettings) -> list[tuple[float, str, str]]:
        """Energies."""
        return [(settings.energies, "energies", "measure.enumeration.energies")]

    def run(self, settings: EnumerationSettings, case: Case) -> Arrays:
        """Enumerate, or look at what is kept."""
        (solution,) = case.solutions
        found = case.family.enumeration(case.model, case.train)
        place = found.index(solution)
        components = found.components
        numbers = {
            "solutions": found.count,
            "components": len(components),
            "largest": components[0] if len(components) else 0,
            "own": 0 if place is None else components[found.component_labels[place]],
        }
        return {
            "enumeration_distances": _padded(found.distances(solution), MOST_WEIGHTS + 1),
            "enumeration_energies": _padded(found.energies, settings.energies),
            **{f"enumeration_{name}": np.array(float(number)) for name, number in numbers.items()},
        }

    def figures(self, results: Any) -> Iterator[tuple[str, "Figure"]]:
        """Local entropies beside the energies at every point of the grid; components against what is swept."""
        for ending, point in results.named_points():
            if results.any_done("enumeration", results.data.sel(point)):
                yield f"_enumeration{ending}", _draw_point(results, point)
        if results.axes and results.any_done("enumeration", results.data):
            for ending, part in results.slices():
                yield f"_components{ending}", _draw_all_components(part)


def _padded(numbers: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """The first numbers, then zeros: nothing is farther away than n flips, or has more than P errors."""
    out = np.zeros(length)
    out[: len(numbers)] = numbers[:length]
    return out


def draw_local_entropy(axes: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Logarithm of the number of solutions at a distance from the trained one, over n, against distance over n."""
    from binland.plots.overlay import lay_over
    from binland.plots.style import errorbar, mean_and_error, style

    at = results.data.sel(point)
    n = int(at["n_weights"])
    counts = at["enumeration_distances"].isel(flips=slice(n + 1))
    entropy = np.log(counts.where(counts > 0)) / n
    for algorithm in results.labels:
        mean, error = mean_and_error(entropy.sel(algorithm=algorithm), "flips")
        errorbar(axes, np.arange(n + 1) / n, mean, error, label=algorithm, **style(results, algorithm))
    axes.set_xlabel("distance from the solution, d / n")
    axes.set_ylabel("ln(solutions at d) / n, where there are some")
    lay_over(axes, results, "enumeration", point)


def draw_energies(axes: "Axes", results: Any, point: dict[str, Any]) -> None:
    """Logarithm of the number of weight vectors with so many errors, over n, every disorder sample in a line."""
    at = results.data.sel(point)
    n = int(at["n_weights"])
    counts = at["enumeration_energies"].max(["algorithm", "solution"])  # the same for all of a sample
    for sample in counts["disorder"].values:
        values = counts.sel(disorder=sample)
        axes.plot(counts["errors"], np.log(values.where(values > 0)) / n, color="black", linewidth=0.8, alpha=0.5)
    axes.set_xlabel("number of errors E")
    axes.set_ylabel("ln(weight vectors with E errors) / n")


def draw_components(axes: "Axes", results: Any, name: str = "own") -> None:
    """Share of all solutions in the component of the trained one ("own"), or in the largest, against what is swept."""
    from binland.plots.curves import draw_one, label_x
    from binland.plots.style import style

    whole = results.data["enumeration_solutions"]
    share = results.data[f"enumeration_{name}"] / whole.where(whole > 0)
    for algorithm in results.labels:
        draw_one(axes, results, share.sel(algorithm=algorithm), 100, style(results, algorithm))
    label_x(axes, results)
    axes.set_ylabel(f"solutions in the {'largest component' if name == 'largest' else 'same component'} (%)")
    axes.set_ylim(bottom=0)


def _draw_point(results: Any, point: dict[str, Any]) -> "Figure":
    """Local entropies beside energies."""
    return _draw_beside(results, draw_local_entropy, draw_energies, point)


def _draw_all_components(results: Any) -> "Figure":
    """The component of the trained one beside the largest."""
    return _draw_beside(results, draw_components, lambda axes, part: draw_components(axes, part, "largest"))


def _draw_beside(results: Any, left: Callable[..., None], right: Callable[..., None], *point: Any) -> "Figure":
    """Two panels of results, at a point of the grid or along an axis."""
    from matplotlib.figure import Figure

    from binland.plots.legend import algorithm_entries, framed
    from binland.plots.style import error_bar_text, headline, short

    figure = Figure((WIDTH, 4.1), layout="constrained")
    for draw, axes in zip((left, right), figure.subplots(1, 2), strict=True):
        draw(axes, results, *point)
    about = f"all 2^n weight vectors; {error_bar_text(results.data)}."
    title = headline(results, *(results.words_of(one) for one in point or ({},)), about, inches=WIDTH)
    entries = algorithm_entries(results, {label: short(label) for label in results.labels}, with_states=False)
    return framed(figure, title, entries)


ENUMERATION = Enumerations()
