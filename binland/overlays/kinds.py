"""What sweeps overlays speak about, and how those look that go with every algorithm."""

from typing import Any

from numpy.typing import ArrayLike

from binland.plots.chart import Curve, Look, floats


def perceptrons_on(results: Any, kind: str) -> bool:
    """Whether a sweep is one of binary perceptrons on data of a kind; by default that is the Hidden Manifold Model."""
    settings = results.settings
    data = settings.get("data", {}).get("kind", "hidden-manifold")
    return settings["model"].get("kind") == "perceptron" and data == kind


def crosses(x: ArrayLike, y: ArrayLike, color: str, name: str, algorithm: str) -> Curve:
    """Computed values as crosses in the colour of an algorithm."""
    look = Look(color, "x", "", size=1.5)
    return Curve(floats(x), floats(y), look=look, name=name, labels={"algorithm": algorithm}, theory=True)
