"""Curves, surfaces and samplers on any loss landscape, between and around solutions."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.connectivity.bands import AutoNEB, autoneb
    from deepbridge.connectivity.curves import Curve, curve
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.lines import line
    from deepbridge.connectivity.results import LandscapePath
    from deepbridge.connectivity.stars import Star, StarPaths, star
    from deepbridge.connectivity.trees import BarrierTree, barrier_tree

_MODULES = {
    "bands": ("AutoNEB", "autoneb"),
    "curves": ("Curve", "curve"),
    "landscape": ("Function", "Landscape"),
    "lines": ("line",),
    "results": ("LandscapePath",),
    "stars": ("Star", "StarPaths", "star"),
    "trees": ("BarrierTree", "barrier_tree"),
}

__all__ = [
    "AutoNEB",
    "BarrierTree",
    "Curve",
    "Function",
    "Landscape",
    "LandscapePath",
    "Star",
    "StarPaths",
    "autoneb",
    "barrier_tree",
    "curve",
    "line",
    "star",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
