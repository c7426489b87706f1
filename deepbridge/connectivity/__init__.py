"""Curves, surfaces and samplers on any loss landscape, between and around solutions."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.connectivity.bands import AutoNEB, autoneb
    from deepbridge.connectivity.curves import Curve, curve
    from deepbridge.connectivity.diffusion import DiffusionPotential, diffusion_potential
    from deepbridge.connectivity.distances import distance_matrix
    from deepbridge.connectivity.embedding import Embedding, embed
    from deepbridge.connectivity.graphs import nearest_neighbour_graph
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.lines import line
    from deepbridge.connectivity.merge_trees import Branches, MergeTree, merge_tree
    from deepbridge.connectivity.persistence import Persistence, graph_persistence, surface_persistence
    from deepbridge.connectivity.results import LandscapePath
    from deepbridge.connectivity.stars import Star, StarPaths, star
    from deepbridge.connectivity.trees import BarrierTree, barrier_tree

_MODULES = {
    "bands": (
        "AutoNEB",
        "autoneb",
    ),
    "curves": (
        "Curve",
        "curve",
    ),
    "diffusion": (
        "DiffusionPotential",
        "diffusion_potential",
    ),
    "distances": ("distance_matrix",),
    "embedding": (
        "Embedding",
        "embed",
    ),
    "graphs": ("nearest_neighbour_graph",),
    "landscape": (
        "Function",
        "Landscape",
    ),
    "lines": ("line",),
    "merge_trees": (
        "Branches",
        "MergeTree",
        "merge_tree",
    ),
    "persistence": (
        "Persistence",
        "graph_persistence",
        "surface_persistence",
    ),
    "results": ("LandscapePath",),
    "stars": (
        "Star",
        "StarPaths",
        "star",
    ),
    "trees": (
        "BarrierTree",
        "barrier_tree",
    ),
}

__all__ = [
    "AutoNEB",
    "BarrierTree",
    "Branches",
    "Curve",
    "DiffusionPotential",
    "Embedding",
    "Function",
    "Landscape",
    "LandscapePath",
    "MergeTree",
    "Persistence",
    "Star",
    "StarPaths",
    "autoneb",
    "barrier_tree",
    "curve",
    "diffusion_potential",
    "distance_matrix",
    "embed",
    "graph_persistence",
    "line",
    "merge_tree",
    "nearest_neighbour_graph",
    "star",
    "surface_persistence",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="landscape")
