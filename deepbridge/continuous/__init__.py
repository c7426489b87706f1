"""Networks with real weights: symmetries, geodesics, barriers and flatness of ReLU networks, on torch without Numba.

The training algorithms are here, because binary networks have others of the same names: `deepbridge.continuous.SGD`,
`RSGD`, `ADV` and `EntropySGD`. Everything else is in `deepbridge` itself: `deepbridge.fit`, `deepbridge.normalize`, ...
"""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from deepbridge.continuous.algorithms import ADV, RSGD, SGD, EntropySGD

_MODULES = {"algorithms": ("ADV", "RSGD", "SGD", "EntropySGD")}

__all__ = ["ADV", "RSGD", "SGD", "EntropySGD"]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals(), extra="deep")
