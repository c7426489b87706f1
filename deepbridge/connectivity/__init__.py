"""Curves, surfaces and samplers on any loss landscape, between and around solutions."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.connectivity.bands import AutoNEB, autoneb
    from deepbridge.connectivity.directions import PrincipalDirections, pca_directions, random_directions
    from deepbridge.connectivity.frames import Projections
    from deepbridge.connectivity.grids import Surface
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.results import LandscapePath
    from deepbridge.connectivity.scans import SurfaceCost
    from deepbridge.connectivity.surfaces import plane_through, surface, surface_cost

_MODULES = {
    "bands": ("AutoNEB", "autoneb"),
    "directions": ("PrincipalDirections", "pca_directions", "random_directions"),
    "frames": ("Projections",),
    "grids": ("Surface",),
    "landscape": ("Function", "Landscape"),
    "results": ("LandscapePath",),
    "scans": ("SurfaceCost",),
    "surfaces": ("plane_through", "surface", "surface_cost"),
}

__all__ = [
    "AutoNEB",
    "Function",
    "Landscape",
    "LandscapePath",
    "PrincipalDirections",
    "Projections",
    "Surface",
    "SurfaceCost",
    "autoneb",
    "pca_directions",
    "plane_through",
    "random_directions",
    "surface",
    "surface_cost",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
