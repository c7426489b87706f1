"""Local entropies by replica theory, enumeration and belief propagation, over each other."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from binland.overlays.kinds import perceptrons_on
from binland.sweep.contracts.overlay import Overlay
from binland.theory.franz_parisi import local_entropy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DISTANCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.18, 0.22, 0.27, 0.33, 0.4, 0.5)
EXACT, MESSAGES = "enumeration_distances", "local_entropy"  # variables


class AroundTypical(Overlay):
    """Franz-Parisi entropy around typical solutions of perceptrons with random labels, N to infinity."""

    def __init__(self, panel: str):
        self.name, self.panel = f"typical-{panel}", panel

    def applies(self, results: Any) -> bool:
        """Whether the sweep is of perceptrons with random labels."""
        return perceptrons_on(results, "random-labels")

    def draw(self, axes: "Axes", results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw a curve over the width of the panel, at the P / N of the point."""
        from binland.plots.overlay import LOOK

        alpha = float(results.data.sel(dict(at))["constraint_density"])
        within = [distance for distance in DISTANCES if distance <= axes.get_xlim()[1]]
        entropies = [_entropy(alpha, distance) for distance in within]
        return axes.plot(within, entropies, label="around typical solutions, replica theory", **LOOK)


@lru_cache(maxsize=1024)
def _entropy(alpha: float, distance: float) -> float:
    """The entropy of theory, cached because two panels show it."""
    return local_entropy(alpha, distance).entropy


class ByEnumeration(Overlay):
    """Exact local entropies from enumeration over those of belief propagation."""

    name, panel = "exact-local-entropy", "local_entropy"

    def applies(self, results: Any) -> bool:
        """Whether the sweep has both measures."""
        return EXACT in results.data

    def draw(self, axes: "Axes", results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw crosses in the colours of the algorithms."""
        from matplotlib.lines import Line2D

        from binland.plots.style import mean_and_error, style

        data = results.data.sel(dict(at))
        n = int(data["n_weights"])
        counts = data[EXACT].isel(flips=slice(1 + int(n * axes.get_xlim()[1])))
        entropy = np.log(counts.where(counts > 0)) / n
        look: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 7}
        for label in results.labels:
            mean, _ = mean_and_error(entropy.sel(algorithm=label), "flips")
            axes.plot(np.arange(len(mean)) / n, mean, color=style(results, label)["color"], **look)
        return [Line2D([], [], color="black", label="enumeration, mean where there are some", **look)]


class ByMessages(Overlay):
    """Local entropies by belief propagation over exact ones."""

    name, panel = "messages-enumeration", "enumeration"

    def applies(self, results: Any) -> bool:
        """Whether the sweep has both measures."""
        return MESSAGES in results.data

    def draw(self, axes: "Axes", results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw crosses in the colours of the algorithms."""
        from matplotlib.lines import Line2D

        from binland.plots.style import mean_and_error, style

        data, along = results.data.sel(dict(at)), "local_entropy_distance"
        known = data[MESSAGES].where(data["local_entropy_converged"] == 1)
        look: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 7}
        for label in results.labels:
            mean, _ = mean_and_error(known.sel(algorithm=label), along)
            axes.plot(data[along].to_numpy(), mean, color=style(results, label)["color"], **look)
        return [Line2D([], [], color="black", label="belief propagation", **look)]


AROUND_TYPICAL = AroundTypical("local_entropy")
AROUND_TYPICAL_EXACT = AroundTypical("enumeration")
BY_ENUMERATION = ByEnumeration()
BY_MESSAGES = ByMessages()
