"""The contract of a curve of theory over a panel of measurements, `binland plot --theory`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Overlay(ABC):
    """A curve that theory gives for a quantity, drawn over its panel; one object declares it.

    name: its word. panel: name of the panel that it is drawn over: "test_error", "success", "local_energy",
    "local_entropy", or one of a measure of your own (`plots.overlay.lay_over`).
    """

    name: str
    panel: str

    @abstractmethod
    def applies(self, results: Any) -> bool:
        """Whether it has something to draw for this sweep; results: a `plots.results.Results`."""

    @abstractmethod
    def draw(self, axes: Any, results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw it, and return the artists, with labels, for the legend of the panel.

        axes: matplotlib axes with the panel already drawn. at: the grid point that the panel shows, by names of axes;
        empty if it shows all points along one axis.
        """
