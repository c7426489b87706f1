"""Definitions of sharpness by name, each with its settings: what `[measure.sharpness]` stores."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from binland.rng import Seed
from deepbridge.connectivity.curvature import hessian_eigenvalues
from deepbridge.connectivity.fisher import fisher_rao
from deepbridge.connectivity.landscape import Landscape
from deepbridge.connectivity.sharpness import keskar_sharpness, sam_sharpness
from deepbridge.connectivity.spectra import hessian_trace
from deepbridge.connectivity.volumes import basin_volume

Options = Mapping[str, Any]  # keys of [measure.sharpness]
Sharpness = tuple[float, float]  # a value and its standard error, nan where there is none
Definition = Callable[[Landscape, Any, Options, Seed], Sharpness]


def _exact(value: float) -> Sharpness:
    return value, math.nan


def _sam(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    return _exact(sam_sharpness(landscape, one, options["rho"], seed=seed))


def _asam(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    return _exact(sam_sharpness(landscape, one, options["adaptive_rho"], adaptive=True, seed=seed))


def _keskar(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    return _exact(keskar_sharpness(landscape, one, options["epsilon"], options["iterations"], seed))


def _largest(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    return _exact(hessian_eigenvalues(landscape, one, 1, seed=seed, tolerance=options["tolerance"]).largest)


def _trace(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    found = hessian_trace(landscape, one, options["draws"], seed=seed)
    return found.value, found.error


def _fisher_rao(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    return _exact(fisher_rao(landscape, one))


def _volume(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    found = basin_volume(landscape, one, options["rise"], options["directions"], seed=seed)
    return found.typical, found.spread / math.sqrt(len(found.radii))


def _norm(landscape: Landscape, one: Any, options: Options, seed: Seed) -> Sharpness:
    return _exact(float(landscape.point(one).double().norm()))


DEFINITIONS: dict[str, Definition] = {
    "sam": _sam,
    "asam": _asam,
    "keskar": _keskar,
    "hessian-largest": _largest,
    "hessian-trace": _trace,
    "fisher-rao": _fisher_rao,
    "volume": _volume,
    "weight-norm": _norm,
}
