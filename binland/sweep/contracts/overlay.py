"""The contract of a curve that figures lay over what a sweep measured, `binland plot --theory`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Overlay(ABC):
    """What theory says of a quantity, drawn over its panel; one object declares it.

    name: its word. panel: the panel that it is drawn over, as the one who draws the panel calls it: "test_error",
    "success", "local_energy", "local_entropy", or a word of a measure of your own (`plots.overlay.lay_over`).
    """

    name: str
    panel: str

    @abstractmethod
    def applies(self, results: Any) -> bool:
        """Whether it says something about this sweep; results: a `plots.results.Results`."""

    @abstractmethod
    def draw(self, axes: Any, results: Any, at: Mapping[str, float]) -> list[Any]:
        """Draw it and return what the legend of the panel shows: artists with labels.

        axes: of matplotlib, with the panel drawn. at: the point of the grid that the panel shows, by names of axes;
        empty if it shows all along one axis.
        """
