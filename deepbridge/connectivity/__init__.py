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
    from deepbridge.connectivity.curvature import (
        Eigenvalues,
        Hessian,
        hessian,
        hessian_directions,
        hessian_eigenvalues,
    )
    from deepbridge.connectivity.fisher import fisher_rao
    from deepbridge.connectivity.flatness import FlatnessTable, flatness_table
    from deepbridge.connectivity.landscape import Function, Landscape
    from deepbridge.connectivity.results import LandscapePath
    from deepbridge.connectivity.sharpness import keskar_sharpness, sam_sharpness
    from deepbridge.connectivity.spectra import SpectralDensity, Trace, hessian_trace, spectral_density
    from deepbridge.connectivity.volumes import BasinVolume, basin_volume

_MODULES = {
    "bands": ("AutoNEB", "autoneb"),
    "correlation": ("GranulatedKendall", "RankCorrelation", "granulated_kendall", "rank_correlation"),
    "curvature": ("Eigenvalues", "Hessian", "hessian", "hessian_directions", "hessian_eigenvalues"),
    "fisher": ("fisher_rao",),
    "flatness": ("FlatnessTable", "flatness_table"),
    "landscape": ("Function", "Landscape"),
    "results": ("LandscapePath",),
    "sharpness": ("keskar_sharpness", "sam_sharpness"),
    "spectra": ("SpectralDensity", "Trace", "hessian_trace", "spectral_density"),
    "volumes": ("BasinVolume", "basin_volume"),
}

__all__ = [
    "AutoNEB",
    "BasinVolume",
    "Eigenvalues",
    "FlatnessTable",
    "Function",
    "GranulatedKendall",
    "Hessian",
    "Landscape",
    "LandscapePath",
    "RankCorrelation",
    "SpectralDensity",
    "Trace",
    "autoneb",
    "basin_volume",
    "fisher_rao",
    "flatness_table",
    "granulated_kendall",
    "hessian",
    "hessian_directions",
    "hessian_eigenvalues",
    "hessian_trace",
    "keskar_sharpness",
    "rank_correlation",
    "sam_sharpness",
    "spectral_density",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
