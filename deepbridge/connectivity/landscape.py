"""The protocol that all methods here work on: flat parameters -> loss, error, gradient.

A landscape is a loss as a function of n real numbers. Most methods ask it for two things only: values at many points,
which are sums of a few others (`values`), and gradients at many points (`gradients`). Measures of flatness also ask for
products with the Hessian (`curvature`) and for the outputs' derivatives (`outputs_along`). Networks with batch-norm are
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
from torch.func import grad, grad_and_value, vjp, vmap

from binland.checks import positive_int, real_array
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
    """A loss as a function of n numbers: the base of landscapes of networks and of functions.

    `deepbridge.landscape` makes those of networks. Your own need `filters`, `values`, `gradients` and `identity`; every
    method here works on them.

    Attributes
    ----------
    size : int
        Number n of parameters.
    dtype : torch.dtype
        Type of points.
    device : torch.device
        Where points are.
    n_patterns : int
        Number of train patterns over which the loss is a mean; 1 if it is none.
    has_test : bool
        Whether there are test data.
    geometry : Geometry
        The space of the points: flat, or a product of spheres.
    smooth : bool
        Whether the loss is smooth around a point; that of binary networks is constant around their latents.
    """

    size: int
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")
    n_patterns: int = 1
    has_test: bool = False
    geometry: Geometry = Geometry()
    smooth: bool = True

    @property
    @abstractmethod
    def filters(self) -> Tensor:
        """(n,) int64: for each parameter the number of its filter, -1 for biases and batch-norms."""

    @property
    def layers(self) -> Tensor:
        """(n,) int64 numbers of layers, -1 where `filters` are; by default all filters are of one layer."""
        return self.filters.clamp(max=0)

    @abstractmethod
    def values(self, corners: Tensor, shares: Tensor | None = None, test: bool = False) -> Values:
        """Losses and errors on all train or test data.

        Parameters
        ----------
        corners : torch.Tensor of shape (C, n)
            Points.
        shares : torch.Tensor of shape (T, C), optional
            The values are those at ``shares @ corners``; None, the default, means at the corners themselves. With few
            corners networks are faster, because their first layer is run on the data once for each corner.
        test : bool, default False
            Whether on test data.

        Returns
        -------
        Values
            ``.losses``, (T,), and ``.error_counts`` or None.

        Raises
        ------
        InvalidInputError
            If there are no test data.
        """

    @abstractmethod
    def gradients(self, points: Tensor, batch: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Losses and gradients at many points.

        Parameters
        ----------
        points : torch.Tensor of shape (T, n)
            Points.
        batch : torch.Tensor of shape (B,) or (T, B), int64, optional
            Numbers of train patterns, for all points or for every point its own; None, the default, means all.

        Returns
        -------
        tuple of torch.Tensor
            Losses (T,) and gradients (T, n).
        """

    def gradients_of_views(
        self, points: Tensor, batch: Tensor | None, rngs: Sequence[np.random.Generator]
    ) -> tuple[Tensor, Tensor]:
        """Losses and gradients on mini-batches of images that are flipped and cropped at random.

        Parameters
        ----------
        points : torch.Tensor of shape (T, n)
            Points.
        batch : torch.Tensor of shape (B,) or (T, B), int64, or None
            As in `gradients`.
        rngs : sequence of T numpy.random.Generator
            Each fixes how a point sees its images.

        Returns
        -------
        tuple of torch.Tensor
            Losses (T,) and gradients (T, n).

        Raises
        ------
        InvalidInputError
            If the landscape has no images.
        """
        raise InvalidInputError(
            f"augmentation is for networks that read images, not {type(self).__name__}; leave it out"
        )

    def decayed(self, points: Tensor, gradients: Tensor, factor: float) -> Tensor:
        """Gradients with weight decay: a factor of all parameters that are trained is added to them, in place.

        Parameters
        ----------
        points, gradients : torch.Tensor of shape (T, n)
            Points, and gradients at them.
        factor : float
            The factor.

        Returns
        -------
        torch.Tensor of shape (T, n)
            The changed gradients.
        """
        return gradients.add_(points, alpha=factor) if factor else gradients

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """What numbers depend on besides the points, so that a checkpoint of another landscape is refused.

        Returns
        -------
        dict of str to str
            Names and descriptions or hashes.
        """

    def curvature(self, point: Tensor) -> Callable[[Tensor], Tensor]:
        """A function that multiplies vectors with the Hessian of the loss on all train data at a point.

        Parameters
        ----------
        point : torch.Tensor of shape (n,)
            The point.

        Returns
        -------
        callable
            From vectors (K, n) to products (K, n); what can be kept of the point is computed once.

        Raises
        ------
        InvalidInputError
            If the landscape has no second derivatives.
        """
        raise InvalidInputError(f"{type(self).__name__} has no second derivatives, so there is no Hessian")

    def hessian_products(self, point: Tensor, vectors: Tensor) -> Tensor:
        """Products of vectors with the Hessian of the loss on all train data at a point.

        Parameters
        ----------
        point : torch.Tensor of shape (n,)
            The point.
        vectors : torch.Tensor of shape (K, n)
            The vectors.

        Returns
        -------
        torch.Tensor of shape (K, n)
            The products.

        Raises
        ------
        InvalidInputError
            If the landscape has no second derivatives.
        """
        return self.curvature(point)(vectors)

    def outputs_along(self, point: Tensor, vector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs of a network on all train data, and how they change along a vector.

        Parameters
        ----------
        point, vector : torch.Tensor of shape (n,)
            The point, and the direction of the derivative.

        Returns
        -------
        tuple of torch.Tensor
            Outputs (P, C), their derivatives (P, C), and labels (P,).

        Raises
        ------
        InvalidInputError
            If the landscape is not that of a network with differentiable outputs.
        """
        raise InvalidInputError(f"{type(self).__name__} has no differentiable outputs of a network")

    def point(self, solution: Any) -> Tensor:
        """Flat parameters of a solution.

        Parameters
        ----------
        solution : ContinuousSolution, Solution or array_like of shape (n,)
            A solution of the landscape's network, or numbers.

        Returns
        -------
        torch.Tensor of shape (n,)
            A point of the geometry: on a toroid the network is normalised.

        Raises
        ------
        InvalidInputError
            If it does not fit.
        """
        return self.geometry.onto(self.flat(solution)[None])[0]

    def flat(self, solution: Any) -> Tensor:
        """Flat parameters as they are, before they are brought onto the geometry.

        Parameters
        ----------
        solution : ContinuousSolution, Solution or array_like of shape (n,)
            A solution of the landscape's network, or numbers.

        Returns
        -------
        torch.Tensor of shape (n,)
            The parameters.

        Raises
        ------
        InvalidInputError
            If it does not fit.
        """
        numbers = solution.detach().cpu().numpy() if isinstance(solution, Tensor) else solution
        try:
            with np.errstate(over="ignore"):
                made = torch.as_tensor(real_array("point", numbers).astype(np.float64)).to(self.device, self.dtype)
        except InvalidInputError:
            made = torch.empty(0)
        if made.shape != (self.size,) or not made.isfinite().all():
            raise InvalidInputError(f"{shown(solution)} is not a point of {self.size} finite numbers")
        return made

    def solution(self, point: Tensor) -> Any:
        """The inverse of `point`.

        Parameters
        ----------
        point : torch.Tensor of shape (n,)
            A point.

        Returns
        -------
        ContinuousSolution, Solution or numpy.ndarray
            What the landscape is of; networks get batch-norm statistics of the train data.
        """
        return point.cpu().numpy()

    def aligned(self, solution: Any, to: Any, method: str, seed: Seed) -> Any:
        """A solution moved by the symmetries of its network towards another.

        Parameters
        ----------
        solution, to : ContinuousSolution, Solution or array_like
            The one that moves, and the one that stays.
        method : {"greedy", "coordinate", "activations"}
            As in `deepbridge.align`.
        seed : int, SeedSequence or Generator
            Fixes what "coordinate" draws.

        Returns
        -------
        ContinuousSolution or Solution
            The moved one.

        Raises
        ------
        InvalidInputError
            If the landscape has no symmetries.
        """
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
        try:
            self._gradients(torch.zeros(2, self.size, dtype=self.dtype))
        except Exception as error:
            raise InvalidInputError(
                f"function cannot be differentiated at several vectors at once ({reason(error)}); write it with"
                " operations of torch, torch.where instead of if, nothing changed in place, and no random numbers"
            ) from None

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
        return losses.detach().clone(), gradients.detach().clone()  # constants come as views of one number

    def curvature(self, point: Tensor) -> Callable[[Tensor], Tensor]:
        """Derivatives of the gradient, all vectors at once."""
        product = vjp(grad(self._function), point.detach())[1]
        return lambda vectors: vmap(product)(vectors)[0].detach()

    def identity(self) -> dict[str, str]:
        """Name of the function."""
        return {"network": getattr(self._function, "__qualname__", repr(type(self._function))), "data": str(self.size)}


def mean_gradients(landscape: Landscape, points: Tensor, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Losses and gradients on all train data, as means over parts of them."""
    losses, gradients = points.new_zeros(len(points)), torch.zeros_like(points)
    for part in parts:
        loss, gradient = landscape.gradients(points, part)
        losses.add_(loss, alpha=len(part) / landscape.n_patterns)
        gradients.add_(gradient, alpha=len(part) / landscape.n_patterns)
    return losses, gradients


def joined_parts(parts: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Losses and gradients of several groups of points, one after the other; those of one group are not copied."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat([losses for losses, _ in parts]), torch.cat([gradients for _, gradients in parts])


def points_of(landscape: Landscape, solutions: Sequence[Any]) -> Tensor:
    """Solutions or arrays as points (T, n)."""
    return torch.stack([landscape.point(one) for one in solutions])


def check_smooth(landscape: object) -> None:
    """Raise InvalidInputError unless it is a landscape on which small steps change the loss."""
    check_landscape(landscape)
    if isinstance(landscape, Landscape) and not landscape.smooth:
        raise InvalidInputError(
            "the loss of a binary network is constant around its latents; take db.hamming_volume or db.local_energy"
        )


def check_landscape(landscape: object) -> None:
    """Raise InvalidInputError unless it is a landscape."""
    if not isinstance(landscape, Landscape):
        raise InvalidInputError(f"{shown(landscape)} is not a landscape; make one by db.landscape(network, data)")
