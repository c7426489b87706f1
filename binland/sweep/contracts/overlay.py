"""The contract of curves of theory that are added to a panel of measurements, `binland plot --theory`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Overlay(ABC):
    """Curves, lines or stripes of theory, drawn over a panel; a single object declares them.

    name: its word. panel: name of the panel that it is drawn over: "test_error", "success", "local_energy",
    "local_entropy", "enumeration", or a panel of a measure of your own that calls `plots.overlay.lay_over`.
    """

    name: str
    panel: str

    @abstractmethod
    def applies(self, results: Any) -> bool:
        """Whether it has something to draw for this sweep. results: a `plots.results.Results`."""

    @abstractmethod
    def marks(self, results: Any, panel: Any, at: Mapping[str, float]) -> list[Any]:
        """The marks to draw over a panel: `Curve(..., theory=True)`, `Rule` or `Span` of `plots.chart`.

        Their names are shown in the legend. panel: the `plots.chart.Panel` as it was measured. at: the point of the
        grid that it shows, {name of an axis: value}; empty if it shows a whole axis.
        """
