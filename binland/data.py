"""Labelled +-1 patterns and the models that draw them: random labels, Hidden Manifold Model, teacher-student."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.bits import Signs, Words, aligned, aligned_copy, as_signs, blocks, pack, random_signs
from binland.checks import as_array, checked_memory, one_of, positive_int
from binland.errors import InvalidInputError
from binland.kernels.vectors import WIDTH
from binland.rng import Seed, generator

_CHUNK = 2048  # patterns projected at once: bounds the memory that floats take
DRAWN = 4  # bytes for every sign while signs are drawn


def checked_signs(name: str, values: ArrayLike, ndim: int) -> Signs:
    """`values` as a read-only C-ordered int8 array with entries -1 and +1.

    Raises InvalidInputError if the number of dimensions is not `ndim`, the array is empty or another value occurs.
    """
    array = as_array(values)
    if array is None:
        raise InvalidInputError(f"{name} is not a rectangular array of {ndim} dimension(s)")
    checked_memory(name, 3 * array.size)  # a broadcast view may be larger than its memory
    if array.ndim != ndim or array.size == 0:
        raise InvalidInputError(f"{name} has shape {array.shape}; a non-empty array of {ndim} dimension(s) is needed")
    if array.dtype.kind not in "iuf" or not np.all((array == 1) | (array == -1)):
        raise InvalidInputError(f"{name} holds values other than -1 and +1 (dtype {array.dtype}); convert them first")
    signs = np.array(array, np.int8, order="C")
    signs.flags.writeable = False
    return signs


@dataclass(frozen=True, eq=False)
class Patterns:
    """Labelled binary patterns, the data that perceptrons and committee machines learn.

    The arrays are checked, copied and made read-only, so a `Patterns` object never changes.

    Parameters
    ----------
    inputs : array_like of shape (P, N)
        The P patterns x, one per row, integers or floats that are all -1 or +1.
    labels : array_like of shape (P,)
        The label y of each pattern, -1 or +1.

    Attributes
    ----------
    inputs : numpy.ndarray of shape (P, N), int8
        The patterns, read-only.
    labels : numpy.ndarray of shape (P,), int8
        The labels, read-only.

    Raises
    ------
    InvalidInputError
        If a value is not -1 or +1, an array is empty or has the wrong number of dimensions, or there is not exactly one
        label per pattern.

    See Also
    --------
    HiddenManifold, Teacher : models that draw patterns.
    load_patterns : reads patterns from a file.

    Examples
    --------
    >>> import binland as bl
    >>> bl.Patterns([[1, 1, -1], [-1, 1, 1]], [1, -1])
    Patterns(n_patterns=2, n_inputs=3)
    """

    inputs: Signs
    labels: Signs

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", checked_signs("inputs", self.inputs, 2))
        object.__setattr__(self, "labels", checked_signs("labels", self.labels, 1))
        if len(self.inputs) != len(self.labels):
            raise InvalidInputError(f"{len(self.inputs)} inputs but {len(self.labels)} labels; one label per pattern")

    @classmethod
    def random(cls, n_patterns: int, n_inputs: int, seed: Seed) -> "Patterns":
        """Draw independent uniform inputs with independent uniform labels: the storage problem.

        Parameters
        ----------
        n_patterns : int
            Number of patterns P, at least 1.
        n_inputs : int
            Number of inputs N, at least 1.
        seed : int, SeedSequence or Generator
            Fixes inputs and labels.

        Returns
        -------
        Patterns
            P patterns of N inputs.

        Raises
        ------
        InvalidInputError
            If a size is below 1, the patterns do not fit into memory, or the seed is not one.

        Examples
        --------
        >>> import binland as bl
        >>> bl.Patterns.random(8, 21, seed=0)
        Patterns(n_patterns=8, n_inputs=21)
        """
        rng = generator(seed, "Patterns.random")
        shape = (positive_int("n_patterns", n_patterns), positive_int("n_inputs", n_inputs))
        checked_memory(f"{shape[0]} patterns of {shape[1]} inputs", DRAWN * shape[0] * shape[1])
        return cls(random_signs(rng, shape), random_signs(rng, shape[0]))

    def with_random_labels(self, seed: Seed) -> "Patterns":
        """Keep the inputs and replace the labels by independent uniform ones.

        Parameters
        ----------
        seed : int, SeedSequence or Generator
            Fixes the labels.

        Returns
        -------
        Patterns
            The same inputs with random labels.

        Raises
        ------
        InvalidInputError
            If the seed is not one.
        """
        return Patterns(self.inputs, random_signs(generator(seed, "random_labels"), self.n_patterns))

    def __getstate__(self) -> dict[str, Signs]:
        """What is pickled: inputs and labels, without the packed arrays below, whose layout depends on the CPU."""
        return {"inputs": self.inputs, "labels": self.labels}

    def __setstate__(self, state: dict[str, Signs]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def n_patterns(self) -> int:
        """Number of patterns P."""
        return self.inputs.shape[0]

    @property
    def n_inputs(self) -> int:
        """Number of inputs N."""
        return self.inputs.shape[1]

    def __repr__(self) -> str:
        return f"Patterns(n_patterns={self.n_patterns}, n_inputs={self.n_inputs})"

    # What the kernels read. Writeable, because Numba would compile again for read-only arrays.

    @cached_property
    def words(self) -> Words:
        """Inputs packed into bits, (P, W) uint64 with W = ceil(N / 64)."""
        return pack(self.inputs)

    @cached_property
    def rows(self) -> Words:
        """Inputs (V, 2 N, WIDTH) uint64, V blocks of 64 WIDTH patterns: row 2 i + 1 is input i, 2 i its negation."""
        bits = blocks(self.inputs.T, WIDTH)
        out = aligned((bits.shape[1], 2 * self.n_inputs, WIDTH), np.uint64)
        out[:, 1::2] = bits.swapaxes(0, 1)
        out[:, ::2] = ~out[:, 1::2]
        return out

    @cached_property
    def negative(self) -> Words:
        """Bit mask (V, WIDTH) uint64 of the patterns with label -1."""
        return blocks(-self.labels, WIDTH)

    @cached_property
    def real(self) -> Words:
        """Bit mask (V, WIDTH) uint64 of the places that hold a pattern; the others are padding."""
        return blocks(np.ones(self.n_patterns), WIDTH)

    @cached_property
    def stacks(self) -> Words:
        """Packed inputs, WIDTH patterns side by side, (S, W, WIDTH) uint64, padded with 0."""
        rows = np.zeros((-(-self.n_patterns // WIDTH) * WIDTH, self.words.shape[1]), np.uint64)
        rows[: self.n_patterns] = self.words
        return aligned_copy(rows.reshape(-1, WIDTH, rows.shape[1]).swapaxes(1, 2))

    @cached_property
    def positive(self) -> Signs:
        """Labels as (P,) int8: 1 for +1, 0 for -1."""
        return (self.labels > 0).astype(np.int8)


@dataclass(frozen=True, eq=False)
class HiddenManifold:
    """Hidden Manifold Model: a teacher labels points of a low-dimensional space, the student sees a random projection.

    A latent pattern xi has D independent standard normal entries. Its label is y = sign(w_T . xi), its N inputs are
    x = sign(F xi), with sign(0) = +1. Features F and teacher w_T are drawn once, by `seed`, and are the same for all
    samples; train and test patterns are two calls of `sample` with different seeds.

    Parameters
    ----------
    n_inputs : int
        Number of inputs N, at least 1.
    latent_dim : int
        Dimension D of the latent space, at least 1; 501 in the paper.
    seed : int, SeedSequence or Generator
        Fixes features and teacher. Patterns have seeds of their own.
    teacher_kind : {"binary", "gaussian"}, default "binary"
        Distribution of the entries of w_T: uniform on -1 and +1, or standard normal. The paper does not say which.
    feature_kind : {"gaussian", "binary"}, default "gaussian"
        Distribution of the entries of F. The paper does not say which.

    Attributes
    ----------
    features : numpy.ndarray of shape (N, D), float64
        The projection F.
    teacher : numpy.ndarray of shape (D,), float64
        The teacher w_T.

    Raises
    ------
    InvalidInputError
        If a size is below 1, the features do not fit into memory, a kind is unknown or the seed is not one.

    References
    ----------
    Goldt et al., Phys. Rev. X 10, 041044 (2020). Pittorino et al., Deep Networks on Toroids, ICML 2022, section 5.1 and
    appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> manifold = bl.HiddenManifold(n_inputs=101, latent_dim=51, seed=0)
    >>> train, test = manifold.sample(150, seed=1), manifold.sample(1000, seed=2)
    >>> train
    Patterns(n_patterns=150, n_inputs=101)
    """

    n_inputs: int
    latent_dim: int
    seed: Seed = field(repr=False)
    teacher_kind: Literal["binary", "gaussian"] = "binary"
    feature_kind: Literal["gaussian", "binary"] = "gaussian"
    features: NDArray[np.float64] = field(init=False, repr=False)
    teacher: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n, d = positive_int("n_inputs", self.n_inputs), positive_int("latent_dim", self.latent_dim)
        for name in ("teacher_kind", "feature_kind"):
            object.__setattr__(self, name, one_of(name, getattr(self, name), ("binary", "gaussian")))
        checked_memory(f"{n} inputs of {d} latent dimensions", (8 + DRAWN) * n * d)
        object.__setattr__(self, "n_inputs", n)
        object.__setattr__(self, "latent_dim", d)
        teacher_rng, feature_rng = generator(self.seed, "HiddenManifold").spawn(2)
        object.__setattr__(self, "teacher", _draw(self.teacher_kind, teacher_rng, (d,)))
        object.__setattr__(self, "features", _draw(self.feature_kind, feature_rng, (n, d)))

    def sample(self, n_patterns: int, seed: Seed) -> Patterns:
        """Draw labelled patterns.

        Parameters
        ----------
        n_patterns : int
            Number of patterns P, at least 1.
        seed : int, SeedSequence or Generator
            Fixes the latent patterns xi.

        Returns
        -------
        Patterns
            P patterns of N inputs.

        Raises
        ------
        InvalidInputError
            If the number is below 1, the patterns do not fit into memory, or the seed is not one.

        Notes
        -----
        Signs are taken of float64 sums, so an entry could differ between two computers only where ``|F xi| < 1e-13``.
        """
        rng, count = generator(seed, "HiddenManifold.sample"), positive_int("n_patterns", n_patterns)
        self.check_room(self.n_inputs, self.latent_dim, count)
        latents = rng.standard_normal((count, self.latent_dim))
        inputs = np.empty((count, self.n_inputs), np.int8)
        for first in range(0, count, _CHUNK):
            rows = slice(first, first + _CHUNK)
            inputs[rows] = as_signs(latents[rows] @ self.features.T)
        return Patterns(inputs, as_signs(latents @ self.teacher))

    @staticmethod
    def check_room(n_inputs: int, latent_dim: int, n_patterns: int) -> None:
        """Check that features and patterns fit into this computer's memory.

        Parameters
        ----------
        n_inputs, latent_dim, n_patterns : int
            Sizes N, D and P.

        Raises
        ------
        InvalidInputError
            If they do not fit.
        """
        chunk = min(_CHUNK, n_patterns)
        latents, features, projected = n_patterns * latent_dim, n_inputs * latent_dim, chunk * n_inputs
        what = f"{n_patterns} patterns of {n_inputs} inputs and {latent_dim} latent dimensions"
        checked_memory(what, DRAWN * n_patterns * n_inputs + 8 * (latents + features + 2 * projected))


@dataclass(frozen=True, eq=False)
class Teacher:
    """Teacher-student problem: independent uniform inputs, labelled by a perceptron.

    Inputs x are uniform on -1 and +1, labels are y = sign(w_T . x) with sign(0) = +1. `Perceptron(n_inputs)` can learn
    every label of a binary teacher. For even N a binary teacher has ties, w_T . x = 0.

    Parameters
    ----------
    n_inputs : int
        Number of inputs N, at least 1.
    seed : int, SeedSequence or Generator
        Fixes the teacher. Patterns have seeds of their own.
    teacher_kind : {"binary", "gaussian"}, default "binary"
        Distribution of the entries of w_T: uniform on -1 and +1, or standard normal.

    Attributes
    ----------
    teacher : numpy.ndarray of shape (N,), float64
        The teacher w_T.

    Raises
    ------
    InvalidInputError
        If the size is below 1, the teacher does not fit into memory, the kind is unknown or the seed is not one.

    See Also
    --------
    theory.teacher_student : the typical test error for large N.

    Examples
    --------
    >>> import binland as bl
    >>> teacher = bl.Teacher(21, seed=0)
    >>> patterns = teacher.sample(50, seed=1)
    >>> bl.Solution(bl.Perceptron(21), teacher.teacher).error(patterns)
    0.0
    """

    n_inputs: int
    seed: Seed = field(repr=False)
    teacher_kind: Literal["binary", "gaussian"] = "binary"
    teacher: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = positive_int("n_inputs", self.n_inputs)
        object.__setattr__(self, "teacher_kind", one_of("teacher_kind", self.teacher_kind, ("binary", "gaussian")))
        checked_memory(f"a teacher of {n} inputs", (8 + DRAWN) * n)
        object.__setattr__(self, "n_inputs", n)
        object.__setattr__(self, "teacher", _draw(self.teacher_kind, generator(self.seed, "Teacher"), (n,)))

    def sample(self, n_patterns: int, seed: Seed) -> Patterns:
        """Draw labelled patterns.

        Parameters
        ----------
        n_patterns : int
            Number of patterns P, at least 1.
        seed : int, SeedSequence or Generator
            Fixes the inputs.

        Returns
        -------
        Patterns
            P patterns of N inputs.

        Raises
        ------
        InvalidInputError
            If the number is below 1, the patterns do not fit into memory, or the seed is not one.

        Notes
        -----
        Labels are exact for a binary teacher. With a Gaussian one they are signs of float64 sums and could differ
        between two computers only where ``|w_T . x| < 1e-13 N``.
        """
        rng, count = generator(seed, "Teacher.sample"), positive_int("n_patterns", n_patterns)
        self.check_room(self.n_inputs, count)
        inputs, labels = random_signs(rng, (count, self.n_inputs)), np.empty(count, np.int8)
        for first in range(0, count, _CHUNK):
            rows = slice(first, first + _CHUNK)
            labels[rows] = as_signs(inputs[rows] @ self.teacher)
        return Patterns(inputs, labels)

    @staticmethod
    def check_room(n_inputs: int, n_patterns: int) -> None:
        """Check that patterns fit into this computer's memory.

        Parameters
        ----------
        n_inputs, n_patterns : int
            Sizes N and P.

        Raises
        ------
        InvalidInputError
            If they do not fit.
        """
        chunk = min(_CHUNK, n_patterns)
        what = f"{n_patterns} patterns of {n_inputs} inputs"
        checked_memory(what, DRAWN * n_patterns * n_inputs + 8 * (chunk + 1) * n_inputs)


def checksum(patterns: Patterns) -> str:
    """SHA-256 of inputs, labels and their shapes, 64 hexadecimal digits: equal patterns give equal texts.

    Raises InvalidInputError on anything but Patterns.
    """
    if not isinstance(patterns, Patterns):
        raise InvalidInputError(f"{type(patterns).__name__} given where Patterns are needed: Patterns(inputs, labels)")
    digest = hashlib.sha256(f"binland patterns {patterns.inputs.shape}".encode())
    digest.update(patterns.inputs.data)
    digest.update(patterns.labels.data)
    return digest.hexdigest()


def _draw(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.standard_normal(shape) if kind == "gaussian" else random_signs(rng, shape).astype(np.float64)
