"""Which sweeps an overlay applies to."""

from typing import Any


def perceptrons_on(results: Any, kind: str) -> bool:
    """Whether a sweep is of binary perceptrons on data of a kind; without a kind it is the Hidden Manifold Model."""
    settings = results.settings
    data = settings.get("data", {}).get("kind", "hidden-manifold")
    return settings["model"].get("kind") == "perceptron" and data == kind
