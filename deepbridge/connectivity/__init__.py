"""Curves, surfaces and samplers on any loss landscape, between and around solutions."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.connectivity.bands import AutoNEB, autoneb
    from deepbridge.connectivity.curves import Curve, curve
    from deepbridge.connectivity.directions import PrincipalDirections, pca_directions, random_directions
    from deepbridge.connectivity.frames import Projections
    from deepbridge.connectivity.grids import Surface
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.lines import line
    from deepbridge.connectivity.results import LandscapePath
    from deepbridge.connectivity.scans import SurfaceCost
    from deepbridge.connectivity.stars import Star, StarPaths, star
    from deepbridge.connectivity.surfaces import plane_through, surface, surface_cost
    from deepbridge.connectivity.trees import BarrierTree, barrier_tree

_MODULES = {
    "bands": ("AutoNEB", "autoneb"),
    "curves": ("Curve", "curve"),
    "directions": ("PrincipalDirections", "pca_directions", "random_directions"),
    "frames": ("Projections",),
    "grids": ("Surface",),
    "landscape": ("Function", "Landscape"),
    "lines": ("line",),
    "results": ("LandscapePath",),
    "scans": ("SurfaceCost",),
    "stars": ("Star", "StarPaths", "star"),
    "surfaces": ("plane_through", "surface", "surface_cost"),
    "trees": ("BarrierTree", "barrier_tree"),
}

__all__ = [
    "AutoNEB",
    "BarrierTree",
    "Curve",
    "Function",
    "Landscape",
    "LandscapePath",
    "PrincipalDirections",
    "Projections",
    "Star",
    "StarPaths",
    "Surface",
    "SurfaceCost",
    "autoneb",
    "barrier_tree",
    "curve",
    "line",
    "pca_directions",
    "plane_through",
    "random_directions",
    "star",
    "surface",
    "surface_cost",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
