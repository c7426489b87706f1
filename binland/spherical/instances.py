"""Instances of the spherical perceptron: Gaussian patterns, and weights on the sphere."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binland.checks import checked_memory, positive_int, read_only, real_array, shaped_floats
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.spherical.arguments import checked_margin
from binland.summary import TrainingSummary
from binland.sweep.contracts.algorithm import Algorithm
from binland.theory.gaussian import Array


@dataclass(frozen=True, eq=False)
class Instance:
    """Patterns of a spherical perceptron; labels are absorbed into them, so that all fields should be large.

    Parameters
    ----------
    inputs : array_like of shape (P, N)
        The patterns xi, finite; kept as float64, read-only.

    Raises
    ------
    InvalidInputError
        If the array is empty, not two-dimensional or not finite.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.Instance([[1.0, 0.5], [-0.3, 2.0], [0.1, 0.7]]).n_patterns
    3
    """

    inputs: Array

    def __post_init__(self) -> None:
        inputs = shaped_floats("inputs", self.inputs, (None, None))
        if not inputs.size or not np.isfinite(inputs).all():
            raise InvalidInputError(f"inputs of shape {inputs.shape} are not finite numbers of a pattern or more")
        object.__setattr__(self, "inputs", inputs)

    @property
    def n_patterns(self) -> int:
        """Number of patterns P."""
        return self.inputs.shape[0]

    @property
    def n_inputs(self) -> int:
        """Number of inputs N."""
        return self.inputs.shape[1]

    @property
    def labels(self) -> NDArray[np.int8]:
        """Labels, (P,) int8, all +1."""
        return np.ones(self.n_patterns, np.int8)

    def fields(self, weights: Array) -> Array:
        """Fields W . xi / sqrt(N) of all patterns.

        Parameters
        ----------
        weights : numpy.ndarray of shape (..., N)
            Weights W.

        Returns
        -------
        numpy.ndarray of shape (..., P)
            The fields.
        """
        return weights @ self.inputs.T / math.sqrt(self.n_inputs)

    def __repr__(self) -> str:
        return f"Instance of {self.n_patterns} patterns of {self.n_inputs} inputs"


def patterns(n_patterns: int, n_inputs: int, seed: Seed) -> Instance:
    """Draw independent standard normal patterns.

    Parameters
    ----------
    n_patterns : int
        Number of patterns P, at least 1.
    n_inputs : int
        Number of inputs N, at least 1.
    seed : int, SeedSequence or Generator
        Fixes the patterns.

    Returns
    -------
    Instance
        The patterns.

    Raises
    ------
    InvalidInputError
        If a size is below 1, the patterns do not fit into memory, or the seed is not one.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.patterns(200, 100, seed=0).n_inputs
    100
    """
    p, n = positive_int("n_patterns", n_patterns), positive_int("n_inputs", n_inputs)
    checked_memory(f"{p} patterns of {n} inputs", 16 * p * n)
    return Instance(generator(seed, "spherical.patterns").standard_normal((p, n)))


@dataclass(frozen=True)
class Perceptron:
    """The spherical perceptron as a model of sweeps: N weights with ``|W|^2 = N``, and the margin asked for.

    Parameters
    ----------
    n_inputs : int
        Number of inputs N, at least 1.
    kappa : float
        Margin, -4 to 4.

    Raises
    ------
    InvalidInputError
        If an argument is out of range.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.Perceptron(n_inputs=101, kappa=-0.5)
    Perceptron(n_inputs=101, kappa=-0.5)
    """

    n_inputs: int
    kappa: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_inputs", positive_int("n_inputs", self.n_inputs))
        object.__setattr__(self, "kappa", checked_margin("kappa", self.kappa))


@dataclass(frozen=True, eq=False)
class Solution(TrainingSummary):
    """Weights on the sphere; they solve an instance if ``.error(instance)`` is 0.

    Parameters
    ----------
    weights : array_like of shape (N,)
        Finite numbers, not all 0; scaled to ``|W|^2 = N`` and kept as float64, read-only.
    kappa : float
        Margin, -4 to 4: a constraint is violated where W . xi / sqrt(N) <= kappa.
    history : array_like of shape (steps,), optional
        Fractions of violated constraints while the weights were made.
    algorithm : Algorithm, optional
        The settings that made them.

    Raises
    ------
    InvalidInputError
        If weights or margin are not as above.

    Examples
    --------
    >>> import binland as bl
    >>> bl.spherical.Solution([3.0, 4.0], kappa=0.0).error(bl.spherical.Instance([[1.0, 0.0], [0.0, -1.0]]))
    0.5
    """

    weights: Array
    kappa: float
    history: Array | None = None
    algorithm: Algorithm | None = None

    _shown = ("kappa", "algorithm", "weights", "history")

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(on_sphere(shaped_floats("weights", self.weights, (None,)))))
        object.__setattr__(self, "kappa", checked_margin("kappa", self.kappa))
        if self.history is not None:
            object.__setattr__(self, "history", shaped_floats("history", self.history, (None,)))

    def error_count(self, instance: Instance) -> int:
        """Number of violated constraints.

        Parameters
        ----------
        instance : Instance
            Patterns with as many inputs.

        Returns
        -------
        int
            Constraints with W . xi / sqrt(N) <= kappa, 0 to P.

        Raises
        ------
        InvalidInputError
            If the number of inputs differs.
        """
        check_fit(len(self.weights), instance)
        return int(np.count_nonzero(instance.fields(self.weights) <= self.kappa))

    def error(self, instance: Instance) -> float:
        """Fraction of violated constraints.

        Parameters
        ----------
        instance : Instance
            Patterns with as many inputs.

        Returns
        -------
        float
            Error in [0, 1].

        Raises
        ------
        InvalidInputError
            If the number of inputs differs.
        """
        return self.error_count(instance) / instance.n_patterns

    def __repr__(self) -> str:
        return f"Solution({len(self.weights)} weights, kappa = {self.kappa:g})"


def on_sphere(weights: Array) -> Array:
    """Weights (..., N) scaled to |W|^2 = N; raises InvalidInputError where that is not possible."""
    length = np.linalg.norm(weights, axis=-1, keepdims=True)
    if not weights.size or not (np.isfinite(length) & (length > 0)).all():
        raise InvalidInputError("weights that are not finite, or all 0, are no point of a sphere; give others")
    return weights * (math.sqrt(weights.shape[-1]) / length)


def check_fit(n_inputs: int, instance: Instance) -> None:
    """Raise InvalidInputError unless it is an instance with so many inputs."""
    if not isinstance(instance, Instance):
        raise InvalidInputError(f"{shown(instance)} is no Instance; bl.spherical.patterns draws one")
    if instance.n_inputs != n_inputs:
        raise InvalidInputError(f"{n_inputs} weights do not fit patterns of {instance.n_inputs} inputs")


def starting(start: object, instance: Instance, seed: Seed, purpose: str) -> Array:
    """Weights (N,) on the sphere to begin with: those of a solution or an array, or uniform ones for None."""
    check_fit(getattr(instance, "n_inputs", 0), instance)
    if start is None:
        return on_sphere(generator(seed, purpose).standard_normal(instance.n_inputs))
    weights = start.weights if isinstance(start, Solution) else real_array("start", start).astype(np.float64)
    if weights.shape != (instance.n_inputs,):
        raise InvalidInputError(f"start of shape {weights.shape} does not fit patterns of {instance.n_inputs} inputs")
    return on_sphere(weights)
