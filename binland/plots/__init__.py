"""Figures from result files: the overview, and those of the measures."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from binland.plots.of_file import measures_of, plot_results
    from binland.plots.overview import plot_overview
    from binland.plots.style import mean_and_error

_MODULES = {
    "of_file": ("measures_of", "plot_results"),
    "overview": ("plot_overview",),
    "style": ("mean_and_error",),
}

__all__ = ["mean_and_error", "measures_of", "plot_overview", "plot_results"]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="plot")
