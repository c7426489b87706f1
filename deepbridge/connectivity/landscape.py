"""The protocol that all methods here work on: flat parameters -> loss, error, gradient.

A landscape is a loss as a function of n real numbers. Every method asks it for two things only: values at many points,
which are sums of a few others (`values`), and gradients at many points (`gradients`). Networks with batch-norm are
functions of their parameters alone here, because their statistics are estimated on the train data at every point.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad_and_value, vmap

from binland.checks import positive_int
from binland.errors import InvalidInputError, reason, shown
from binland.rng import Seed
from deepbridge.common.runs import checked_dtype
from deepbridge.connectivity.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Values:
    """losses: (T,) mean losses. error_counts: (T,) wrong labels of n_patterns, or None where there are no labels."""

    losses: NDArray[np.float64]
    error_counts: NDArray[np.int64] | None = None
    n_patterns: int = 1

    @property
    def errors(self) -> NDArray[np.float64] | None:
        """Errors (T,) in [0, 1], or None."""
        return None if self.error_counts is None else self.error_counts / self.n_patterns


class Landscape(ABC):
    """A loss as a function of flat parameters; base of those of functions and networks.

    size: number n of parameters. n_patterns: number of patterns over which the loss is a mean, 1 if it is none.
    has_test: whether there are test data. geometry: the space of the points. filters: (n,) int64, for each parameter
    the number of the filter that it belongs to, -1 for biases and batch-norms.
    """

    size: int
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")
    n_patterns: int = 1
    has_test: bool = False
    geometry: Geometry = Geometry()

    @property
    @abstractmethod
    def filters(self) -> Tensor:
        """(n,) int64 numbers of filters."""

    @property
    def layers(self) -> Tensor:
        """(n,) int64 numbers of layers, -1 where `filters` are; by default all filters are of one layer."""
        return self.filters.clamp(max=0)

    @abstractmethod
    def values(self, corners: Tensor, shares: Tensor | None = None, test: bool = False) -> Values:
        """Losses and errors on all train or test data.

        corners: (C, n). shares: (T, C), the points are ``shares @ corners``; None for the corners themselves.
        """

    @abstractmethod
    def gradients(self, points: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Losses (T,) and gradients (T, n) at points (T, n).

        batch: (B,) numbers of train patterns, or (T, B) for every point its own; None for all.
        """

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """What numbers depend on besides the points, for checkpoints."""

    def point(self, solution: Any) -> Tensor:
        """Flat parameters (n,) of a solution, or an array of numbers as they are."""
        return self.geometry.onto(self.flat(solution)[None])[0]

    def flat(self, solution: Any) -> Tensor:
        """The parameters as they are, before they are brought onto the geometry."""
        try:
            made = torch.as_tensor(np.asarray(solution, np.float64)).to(self.device, self.dtype)
        except (TypeError, ValueError):
            made = torch.empty(0)
        if made.shape != (self.size,) or not made.isfinite().all():
            raise InvalidInputError(f"{shown(solution)} is not a point of {self.size} finite numbers")
        return made

    def solution(self, point: Tensor) -> Any:
        """The inverse of `point`."""
        return point.cpu().numpy()

    def aligned(self, solution: Any, to: Any, method: str, seed: Seed) -> Any:
        """A solution moved by symmetries towards another; only networks have any."""
        raise InvalidInputError(f"alignment={shown(method)}: this landscape has no symmetries; leave alignment out")


class Function(Landscape):
    """A landscape from any differentiable function of a vector, such as a potential of chemistry.

    Parameters
    ----------
    function : callable
        Takes a float tensor (n,) and returns a single number as a tensor, by operations of torch.
    size : int
        Number n of coordinates.
    dtype : {"float64", "float32"}, default "float64"
        Type of the coordinates.

    Raises
    ------
    InvalidInputError
        If the function does not return one number for a vector.

    Examples
    --------
    >>> import deepbridge as db
    >>> well = db.connectivity.Function(lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, size=2)
    >>> losses, _ = well.gradients(well.point([[0.0, 0.0]][0])[None])
    >>> losses.tolist()
    [1.0]
    """

    def __init__(self, function: Callable[[Tensor], Tensor], size: int, dtype: str = "float64"):
        self.size, self.dtype = positive_int("size", size), checked_dtype(dtype)
        self._function = function
        try:
            one = function(torch.zeros(self.size, dtype=self.dtype))
            fits = isinstance(one, Tensor) and one.shape == ()
        except Exception as error:  # a user's function may fail in any way
            raise InvalidInputError(f"function fails at a vector of {size} zeros ({reason(error)})") from None
        if not fits:
            raise InvalidInputError(f"function returns {shown(one)} for a vector, not a tensor with a single number")
        self._gradients = vmap(grad_and_value(function))

    @property
    def filters(self) -> Tensor:
        """All coordinates are one filter."""
        return torch.zeros(self.size, dtype=torch.int64)

    def values(self, corners: Tensor, shares: Tensor | None = None, test: bool = False) -> Values:
        """Values of the function at every point."""
        points = corners if shares is None else shares.to(corners) @ corners
        with torch.no_grad():
            return Values(vmap(self._function)(points).double().numpy())

    def gradients(self, points: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Values and gradients at every point."""
        gradients, losses = self._gradients(points)
        return losses.detach(), gradients.detach()

    def identity(self) -> dict[str, str]:
        """Name of the function."""
        return {"network": getattr(self._function, "__qualname__", repr(type(self._function))), "data": str(self.size)}


def points_of(landscape: Landscape, solutions: Sequence[Any]) -> Tensor:
    """Solutions or arrays as points (T, n)."""
    return torch.stack([landscape.point(one) for one in solutions])


def check_landscape(landscape: object) -> None:
    """Raise InvalidInputError unless it is a landscape."""
    if not isinstance(landscape, Landscape):
        raise InvalidInputError(f"{shown(landscape)} is not a landscape; make one by db.landscape(network, data)")
