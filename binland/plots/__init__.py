"""Figures of files of results and of single results, and the parts that figures are made of."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from binland.plots.chart import Axis, Chart, Contours, Curve, Look, Panel, Rule, Span
    from binland.plots.error_bars import mean_and_error
    from binland.plots.files import plot_results
    from binland.plots.landscapes import plot_landscape_path, plot_surface
    from binland.plots.page import Page
    from binland.plots.single import panels, plot_local_energy, plot_panel, plot_path, plot_plane

_MODULES = {
    "chart": ("Axis", "Chart", "Contours", "Curve", "Look", "Panel", "Rule", "Span"),
    "error_bars": ("mean_and_error",),
    "files": ("plot_results",),
    "landscapes": ("plot_landscape_path", "plot_surface"),
    "page": ("Page",),
    "single": ("panels", "plot_local_energy", "plot_panel", "plot_path", "plot_plane"),
}

__all__ = [
    "Axis",
    "Chart",
    "Contours",
    "Curve",
    "Look",
    "Page",
    "Panel",
    "Rule",
    "Span",
    "mean_and_error",
    "panels",
    "plot_landscape_path",
    "plot_local_energy",
    "plot_panel",
    "plot_path",
    "plot_plane",
    "plot_results",
    "plot_surface",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="plot")
