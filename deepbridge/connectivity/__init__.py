"""Curves, surfaces and samplers on any loss landscape, between and around solutions."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.connectivity.bands import AutoNEB, autoneb
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.results import LandscapePath

_MODULES = {
    "bands": ("AutoNEB", "autoneb"),
    "landscape": ("Function", "Landscape"),
    "results": ("LandscapePath",),
}

__all__ = ["AutoNEB", "Function", "Landscape", "LandscapePath", "autoneb"]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
