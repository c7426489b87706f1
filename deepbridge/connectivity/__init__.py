"""Curves, surfaces and samplers on any loss landscape, between and around solutions."""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.connectivity.bands import AutoNEB, autoneb
    from deepbridge.connectivity.correlation import (
        GranulatedKendall,
        RankCorrelation,
        granulated_kendall,
        rank_correlation,
    )
    from deepbridge.connectivity.curvature import Eigenvalues, Hessian, hessian, hessian_directions, hessian_eigenvalues
    from deepbridge.connectivity.curves import Curve, curve
    from deepbridge.connectivity.diffusion import DiffusionPotential, diffusion_potential
    from deepbridge.connectivity.directions import PrincipalDirections, pca_directions, random_directions
    from deepbridge.connectivity.distances import distance_matrix
    from deepbridge.connectivity.embedding import Embedding, embed
    from deepbridge.connectivity.fisher import fisher_rao
    from deepbridge.connectivity.flatness import FlatnessTable, flatness_table
    from deepbridge.connectivity.frames import Projections
    from deepbridge.connectivity.graphs import nearest_neighbour_graph
    from deepbridge.connectivity.grids import Surface
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.lines import line
    from deepbridge.connectivity.merge_trees import Branches, MergeTree, merge_tree
    from deepbridge.connectivity.persistence import Persistence, graph_persistence, surface_persistence
    from deepbridge.connectivity.results import LandscapePath
    from deepbridge.connectivity.sampling import JumpAndRetrain, Samples, jump_and_retrain
    from deepbridge.connectivity.scans import SurfaceCost
    from deepbridge.connectivity.sharpness import keskar_sharpness, sam_sharpness
    from deepbridge.connectivity.spectra import SpectralDensity, Trace, hessian_trace, spectral_density
    from deepbridge.connectivity.stars import Star, StarPaths, star
    from deepbridge.connectivity.surfaces import plane_through, surface, surface_cost
    from deepbridge.connectivity.topology import sample_persistence
    from deepbridge.connectivity.trees import BarrierTree, barrier_tree
    from deepbridge.connectivity.volumes import BasinVolume, basin_volume

_MODULES = {
    "bands": (
        "AutoNEB",
        "autoneb",
    ),
    "correlation": (
        "GranulatedKendall",
        "RankCorrelation",
        "granulated_kendall",
        "rank_correlation",
    ),
    "curvature": (
        "Eigenvalues",
        "Hessian",
        "hessian",
        "hessian_directions",
        "hessian_eigenvalues",
    ),
    "curves": (
        "Curve",
        "curve",
    ),
    "diffusion": (
        "DiffusionPotential",
        "diffusion_potential",
    ),
    "directions": (
        "PrincipalDirections",
        "pca_directions",
        "random_directions",
    ),
    "distances": ("distance_matrix",),
    "embedding": (
        "Embedding",
        "embed",
    ),
    "fisher": ("fisher_rao",),
    "flatness": (
        "FlatnessTable",
        "flatness_table",
    ),
    "frames": ("Projections",),
    "graphs": ("nearest_neighbour_graph",),
    "grids": ("Surface",),
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
    "sampling": (
        "JumpAndRetrain",
        "Samples",
        "jump_and_retrain",
    ),
    "scans": ("SurfaceCost",),
    "sharpness": (
        "keskar_sharpness",
        "sam_sharpness",
    ),
    "spectra": (
        "SpectralDensity",
        "Trace",
        "hessian_trace",
        "spectral_density",
    ),
    "stars": (
        "Star",
        "StarPaths",
        "star",
    ),
    "surfaces": (
        "plane_through",
        "surface",
        "surface_cost",
    ),
    "topology": ("sample_persistence",),
    "trees": (
        "BarrierTree",
        "barrier_tree",
    ),
    "volumes": (
        "BasinVolume",
        "basin_volume",
    ),
}

__all__ = [
    "AutoNEB",
    "BarrierTree",
    "BasinVolume",
    "Branches",
    "Curve",
    "DiffusionPotential",
    "Eigenvalues",
    "Embedding",
    "FlatnessTable",
    "Function",
    "GranulatedKendall",
    "Hessian",
    "JumpAndRetrain",
    "Landscape",
    "LandscapePath",
    "MergeTree",
    "Persistence",
    "PrincipalDirections",
    "Projections",
    "RankCorrelation",
    "Samples",
    "SpectralDensity",
    "Star",
    "StarPaths",
    "Surface",
    "SurfaceCost",
    "Trace",
    "autoneb",
    "barrier_tree",
    "basin_volume",
    "curve",
    "diffusion_potential",
    "distance_matrix",
    "embed",
    "fisher_rao",
    "flatness_table",
    "granulated_kendall",
    "graph_persistence",
    "hessian",
    "hessian_directions",
    "hessian_eigenvalues",
    "hessian_trace",
    "jump_and_retrain",
    "keskar_sharpness",
    "line",
    "merge_tree",
    "nearest_neighbour_graph",
    "pca_directions",
    "plane_through",
    "random_directions",
    "rank_correlation",
    "sam_sharpness",
    "sample_persistence",
    "spectral_density",
    "star",
    "surface",
    "surface_cost",
    "surface_persistence",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="landscape")
