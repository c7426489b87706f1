"""Deep networks on torch, with binary or real weights: the questions, words and result types of binland."""

from typing import TYPE_CHECKING

from binland.lazy import lazy
from deepbridge import connectivity, continuous

if TYPE_CHECKING:
    from deepbridge.binary.algorithms import ADV, RSGD, SGD
    from deepbridge.binary.networks import BinaryConvNet, BinaryMLP
    from deepbridge.binary.orders import Guided
    from deepbridge.binary.paths import hamming, shortest_path, shortest_paths
    from deepbridge.binary.planes import Plane
    from deepbridge.binary.solutions import Solution
    from deepbridge.binary.symmetry import Alignment
    from deepbridge.binary.volumes import hamming_volume
    from deepbridge.common.data import Dataset, load
    from deepbridge.continuous.algorithms import EntropySGD
    from deepbridge.continuous.alignment import align_many
    from deepbridge.continuous.geodesics import euclidean, interpolate, unit_distances
    from deepbridge.continuous.networks import MLP, VGG16, LeNet
    from deepbridge.continuous.normalisation import normalize
    from deepbridge.continuous.paths import path
    from deepbridge.continuous.resnet import ResNet20
    from deepbridge.continuous.solutions import ContinuousSolution, from_module
    from deepbridge.continuous.units import Symmetry
    from deepbridge.verbs import (
        align,
        barrier,
        distance,
        fit,
        fit_many,
        landscape,
        load_solution,
        local_energy,
        merge,
        optimized_midpoint,
        optimized_path,
        plane,
    )

    __version__: str

__distribution__ = "binland"  # another one has the name deepbridge: see docs/about/packages.md

_MODULES = {
    "binary.algorithms": ("ADV", "RSGD", "SGD"),
    "binary.networks": ("BinaryConvNet", "BinaryMLP"),
    "binary.orders": ("Guided",),
    "binary.paths": ("hamming", "shortest_path", "shortest_paths"),
    "binary.planes": ("Plane",),
    "binary.solutions": ("Solution",),
    "binary.symmetry": ("Alignment",),
    "binary.volumes": ("hamming_volume",),
    "common.data": ("Dataset", "load"),
    "continuous.algorithms": ("EntropySGD",),
    "continuous.alignment": ("align_many",),
    "continuous.geodesics": ("euclidean", "interpolate", "unit_distances"),
    "continuous.networks": ("MLP", "VGG16", "LeNet"),
    "continuous.normalisation": ("normalize",),
    "continuous.paths": ("path",),
    "continuous.resnet": ("ResNet20",),
    "continuous.solutions": ("ContinuousSolution", "from_module"),
    "continuous.units": ("Symmetry",),
    "verbs": (
        "align",
        "barrier",
        "distance",
        "fit",
        "fit_many",
        "landscape",
        "load_solution",
        "local_energy",
        "merge",
        "optimized_midpoint",
        "optimized_path",
        "plane",
    ),
}

__all__ = [
    "ADV",
    "MLP",
    "RSGD",
    "SGD",
    "VGG16",
    "Alignment",
    "BinaryConvNet",
    "BinaryMLP",
    "ContinuousSolution",
    "Dataset",
    "EntropySGD",
    "Guided",
    "LeNet",
    "Plane",
    "ResNet20",
    "Solution",
    "Symmetry",
    "align",
    "align_many",
    "barrier",
    "connectivity",
    "continuous",
    "distance",
    "euclidean",
    "fit",
    "fit_many",
    "from_module",
    "hamming",
    "hamming_volume",
    "interpolate",
    "landscape",
    "load",
    "load_solution",
    "local_energy",
    "merge",
    "normalize",
    "optimized_midpoint",
    "optimized_path",
    "path",
    "plane",
    "shortest_path",
    "shortest_paths",
    "unit_distances",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
