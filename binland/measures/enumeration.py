"""All solutions of a small machine around the trained ones, exact, `[measure.enumeration]`.

Verb: enumeration(model, train) -> an `Enumeration` of all weight vectors; it should be cached, since it is asked for
again with the same patterns.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.plots.chart import Axis, Chart, Curve, Look, Panel, floats
from binland.sweep.contracts.measure import Arrays, Case, Measure
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

MOST_WEIGHTS = 28  # of `binland.enumeration`, which is not imported for a declaration


class EnumerationSettings(Section):
    """[measure.enumeration]"""

    energies: int = Field(
        51, ge=1, le=100_000, description="weight vectors are counted for so many numbers of errors: 0, 1, 2, ..."
    )


class Enumerations(Measure[EnumerationSettings]):
    """Number of solutions, their distances from a trained one, and their connected components."""

    name, of = "enumeration", 1
    Settings = EnumerationSettings

    def needs(self, settings: EnumerationSettings) -> tuple[str, ...]:
        """Verb: the enumeration."""
        return ("enumeration",)

    def most_weights(self, settings: EnumerationSettings) -> int | None:
        """The largest number of weights that can be enumerated."""
        return MOST_WEIGHTS

    def variables(self, settings: EnumerationSettings) -> dict[str, Variable]:
        """Stored: counts of all solutions, distances from the trained one, and the size of its component."""
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
        """Number of energies."""
        return [(settings.energies, "energies", "measure.enumeration.energies")]

    def run(self, settings: EnumerationSettings, case: Case) -> Arrays:
        """Look the trained solution up in the enumeration."""
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

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Local entropies and energies for every point of the grid; components against the swept setting."""
        for ending, point in results.named_points():
            if results.any_done("enumeration", results.data.sel(point)):
                yield f"_enumeration{ending}", enumeration(results, point)
        if results.axes and results.any_done("enumeration", results.data):
            for ending, part in results.slices():
                yield f"_components{ending}", components(part)


def _padded(numbers: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """The first `length` numbers, padded with zeros: nothing is farther than n flips or has more than P errors."""
    out = np.zeros(length)
    out[: len(numbers)] = numbers[:length]
    return out


def enumeration(results: Any, point: dict[str, Any]) -> Chart:
    """A chart of two panels: local entropies, and numbers of weight vectors by their errors."""
    return _beside(results, [local_entropies(results, point), energies(results, point)], point)


def components(results: Any) -> Chart:
    """A chart of two panels: share of all solutions in the trained one's component, and in the largest component."""
    return _beside(results, [component(results, "own"), component(results, "largest")], {})


def local_entropies(results: Any, point: dict[str, Any]) -> Panel:
    """ln(number of solutions at distance d from the trained one) / n against d / n, for n weights."""
    from binland.plots.curves import against
    from binland.plots.overlay import lay_over

    at = results.data.sel(point)
    n = int(at["n_weights"])
    counts = at["enumeration_distances"].isel(flips=slice(n + 1))
    entropy = np.log(counts.where(counts > 0)) / n
    x = np.arange(n + 1) / n
    curves = against(results, x, entropy, "flips")
    axes = Axis("distance from the solution, d / n"), Axis("ln(solutions at d) / n, where there are some")
    return lay_over(Panel("enumeration", *axes, curves), results, point)


def energies(results: Any, point: dict[str, Any]) -> Panel:
    """ln(number of weight vectors with E errors) / n against E, a curve for each disorder sample."""

    at = results.data.sel(point)
    counts = at["enumeration_energies"].max(["algorithm", "solution"])  # the same for all of a sample
    entropy = np.log(counts.where(counts > 0)) / int(at["n_weights"])
    look, x = Look(width=0.6, alpha=0.5), floats(counts["errors"].to_numpy())
    curves = [
        Curve(x, floats(entropy.sel(disorder=k).to_numpy()), look=look, name=f"sample {k}", labels={"disorder": str(k)})
        for k in counts["disorder"].values
    ]
    axes = Axis("number of errors E"), Axis("ln(weight vectors with E errors) / n")
    return Panel("enumeration_energies", *axes, curves)


def component(results: Any, name: str) -> Panel:
    """Share of all solutions, in percent, in the trained one's component ("own") or in the largest one ("largest")."""
    from binland.plots.curves import along, swept_panel
    from binland.plots.style import style

    whole = results.data["enumeration_solutions"]
    share = results.data[f"enumeration_{name}"] / whole.where(whole > 0)
    curves = [
        along(results, share.sel(algorithm=label), 100, style(results, label), algorithm=label)
        for label in results.labels
    ]
    label = f"solutions in the {'largest component' if name == 'largest' else 'same component'} (%)"
    return swept_panel(results, f"enumeration_{name}", label, curves, zero=True)


def _beside(results: Any, panels: list[Panel], point: dict[str, Any]) -> Chart:
    """A chart of two panels, at a point of the grid or (with an empty point) against the swept setting."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.style import algorithm_entries
    from binland.plots.text import headline

    about = f"all 2^n weight vectors; {error_bar_text(results.data)}."
    facts = headline(results, results.words_of(point), about)
    return Chart(panels, facts, entries=algorithm_entries(results, with_states=False), size=(4.8, 4.1))


ENUMERATION = Enumerations()
