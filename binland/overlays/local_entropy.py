"""Local entropies by replica theory, enumeration and belief propagation, over each other."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from binland.overlays.kinds import crosses, perceptrons_on
from binland.plots.chart import Curve, Look, Mark, Panel, floats
from binland.sweep.contracts.overlay import Overlay
from binland.theory.franz_parisi import local_entropy

DISTANCES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.18, 0.22, 0.27, 0.33, 0.4, 0.5)
EXACT, MESSAGES = "enumeration_distances", "local_entropy"  # variables


class AroundTypical(Overlay):
    """Franz-Parisi entropy around typical solutions of perceptrons with random labels, N to infinity."""

    def __init__(self, panel: str):
        self.name, self.panel = f"typical-{panel}", panel

    def applies(self, results: Any) -> bool:
        """Whether the sweep is of perceptrons with random labels."""
        return perceptrons_on(results, "random-labels")

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """As far as the panel goes, at the P / N of the point."""
        alpha = float(results.data.sel(dict(at))["constraint_density"])
        within = [distance for distance in DISTANCES if distance <= 1.05 * panel.right]
        entropies = [_entropy(alpha, distance) for distance in within]
        return [Curve(floats(within), floats(entropies), look=THEORY, name=TYPICAL, theory=True)]


THEORY = Look()
TYPICAL = "around typical solutions, replica theory"


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

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """Crosses in the colours of the algorithms, within the panel."""
        from binland.plots.error_bars import mean_and_error
        from binland.plots.style import style

        data = results.data.sel(dict(at))
        n = int(data["n_weights"])
        counts = data[EXACT].isel(flips=slice(1 + int(1.05 * n * panel.right)))
        entropy = np.log(counts.where(counts > 0)) / n
        x, name = np.arange(entropy.sizes["flips"]) / n, "enumeration, mean where there are some"
        means = {label: mean_and_error(entropy.sel(algorithm=label), "flips")[0] for label in results.labels}
        return [crosses(x, mean, style(results, label).color, name, label) for label, mean in means.items()]


class ByMessages(Overlay):
    """Local entropies by belief propagation over exact ones."""

    name, panel = "messages-enumeration", "enumeration"

    def applies(self, results: Any) -> bool:
        """Whether the sweep has both measures."""
        return MESSAGES in results.data

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """Crosses in the colours of the algorithms."""
        from binland.plots.error_bars import mean_and_error
        from binland.plots.style import style

        data, along = results.data.sel(dict(at)), "local_entropy_distance"
        known = data[MESSAGES].where(data["local_entropy_converged"] == 1)
        x, name = data[along].to_numpy(), "belief propagation"
        means = {label: mean_and_error(known.sel(algorithm=label), along)[0] for label in results.labels}
        return [crosses(x, mean, style(results, label).color, name, label) for label, mean in means.items()]


AROUND_TYPICAL = AroundTypical("local_entropy")
AROUND_TYPICAL_EXACT = AroundTypical("enumeration")
BY_ENUMERATION = ByEnumeration()
BY_MESSAGES = ByMessages()
