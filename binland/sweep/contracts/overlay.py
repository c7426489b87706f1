"""The contract of a curve of theory over a panel of measurements, `binland plot --theory`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Overlay(ABC):
    """A curve that theory gives for a quantity, drawn over its panel; one object declares it.

    name: its word. panel: the panel that it is drawn over, by its name: "test_error", "success",
    "local_energy", "local_entropy", "enumeration", or one of a measure of your own (`plots.overlay.lay_over`).
    """

    name: str
    panel: str

    @abstractmethod
    def applies(self, results: Any) -> bool:
        """Whether it has something to draw for this sweep; results: a `plots.results.Results`."""

    @abstractmethod
    def marks(self, results: Any, panel: Any, at: Mapping[str, float]) -> list[Any]:
        """What is drawn over the panel: marks (`plots.chart`) with names, which the legend shows.

        panel: as it was measured, a `plots.chart.Panel`. at: the point of the grid that it shows, by names of axes;
        empty if it shows all along one axis.
        """
