"""Labelled +-1 patterns, and what generates them: the Hidden Manifold Model (paper, appendix B), a teacher."""

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
    checked_memory(name, 3 * array.size)  # a view may be larger than what it shows
    if array.ndim != ndim or array.size == 0:
        raise InvalidInputError(f"{name} has shape {array.shape}; a non-empty array of {ndim} dimension(s) is needed")
    if array.dtype.kind not in "iuf" or not np.all((array == 1) | (array == -1)):
        raise InvalidInputError(f"{name} holds values other than -1 and +1 (dtype {array.dtype}); convert them first")
    signs = np.array(array, np.int8, order="C")
    signs.flags.writeable = False
    return signs


@dataclass(frozen=True, eq=False)
class Patterns:
    """Labelled patterns: inputs (P, N) and labels (P,), int8, all -1 or +1, read-only.

    Raises InvalidInputError on other values, on empty arrays and on lengths that do not match.
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
        """I.i.d. uniform inputs (P, N) and independent uniform labels (P,): the storage problem.

        Raises InvalidInputError on sizes below 1 or beyond this machine's memory, and on bad seeds.
        """
        rng = generator(seed, "Patterns.random")
        shape = (positive_int("n_patterns", n_patterns), positive_int("n_inputs", n_inputs))
        checked_memory(f"{shape[0]} patterns of {shape[1]} inputs", DRAWN * shape[0] * shape[1])
        return cls(random_signs(rng, shape), random_signs(rng, shape[0]))

    def with_random_labels(self, seed: Seed) -> "Patterns":
        """The same inputs with independent uniform labels (P,). Raises InvalidInputError on a bad seed."""
        return Patterns(self.inputs, random_signs(generator(seed, "random_labels"), self.n_patterns))

    def __getstate__(self) -> dict[str, Signs]:
        """What is pickled: not what the kernels read, whose layout is that of one CPU."""
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

    # What the kernels read. Writeable, because numba compiles anew for read-only arrays.

    @cached_property
    def words(self) -> Words:
        """Inputs packed to (P, W) uint64."""
        return pack(self.inputs)

    @cached_property
    def rows(self) -> Words:
        """(V, 2 N, WIDTH) uint64, V blocks of 64 WIDTH patterns: row 2 i + 1 is input i, row 2 i its complement."""
        bits = blocks(self.inputs.T, WIDTH)
        out = aligned((bits.shape[1], 2 * self.n_inputs, WIDTH), np.uint64)
        out[:, 1::2] = bits.swapaxes(0, 1)
        out[:, ::2] = ~out[:, 1::2]
        return out

    @cached_property
    def negative(self) -> Words:
        """(V, WIDTH) uint64: the patterns with label -1."""
        return blocks(-self.labels, WIDTH)

    @cached_property
    def real(self) -> Words:
        """(V, WIDTH) uint64: the patterns that exist."""
        return blocks(np.ones(self.n_patterns), WIDTH)

    @cached_property
    def stacks(self) -> Words:
        """(S, W, WIDTH) uint64: `words` with WIDTH patterns side by side, padded with 0."""
        rows = np.zeros((-(-self.n_patterns // WIDTH) * WIDTH, self.words.shape[1]), np.uint64)
        rows[: self.n_patterns] = self.words
        return aligned_copy(rows.reshape(-1, WIDTH, rows.shape[1]).swapaxes(1, 2))

    @cached_property
    def positive(self) -> Signs:
        """(P,) int8, 1 where the label is +1 and 0 where it is -1."""
        return (self.labels > 0).astype(np.int8)


@dataclass(frozen=True, eq=False)
class HiddenManifold:
    """Hidden Manifold Model: x = sign(F xi), y = sign(w_T . xi), xi ~ N(0, I_D) (paper, section 5.1, appendix B).

    n_inputs: N. latent_dim: D. seed: draws features and teacher; patterns have seeds of their own.
    teacher_kind, feature_kind: "binary" (+-1) or "gaussian". The paper leaves both open; defaults: binary teacher,
    Gaussian features. Fields `features` (N, D) and `teacher` (D,) are float64.
    Raises InvalidInputError on sizes below 1 or beyond this machine's memory, other kinds and bad seeds.
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
        """Draw `n_patterns` labelled patterns (inputs (P, N), labels (P,)); a seed fixes the latent patterns xi.

        Signs are taken of float64 sums, so a pattern could differ between machines only where |F xi| < 1e-13.
        Raises InvalidInputError on a number below 1 or beyond this machine's memory, and on bad seeds.
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
        """Raise InvalidInputError if features and so many patterns do not fit into this machine's memory."""
        chunk = min(_CHUNK, n_patterns)
        latents, features, projected = n_patterns * latent_dim, n_inputs * latent_dim, chunk * n_inputs
        what = f"{n_patterns} patterns of {n_inputs} inputs and {latent_dim} latent dimensions"
        checked_memory(what, DRAWN * n_patterns * n_inputs + 8 * (latents + features + 2 * projected))


@dataclass(frozen=True, eq=False)
class Teacher:
    """Teacher and student: inputs x i.i.d. uniform -1 or +1, labels y = sign(w_T . x), sign(0) = +1.

    n_inputs: N. seed: draws the teacher; patterns have seeds of their own. teacher_kind: "binary" (+-1) or "gaussian".
    Field `teacher` (N,) float64. A student of the teacher's kind can learn every label; that of a binary teacher is
    Perceptron(N). For even N a binary teacher has ties.
    Raises InvalidInputError on sizes below 1 or beyond this machine's memory, other kinds and bad seeds.
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
        """Draw `n_patterns` labelled patterns (inputs (P, N), labels (P,)).

        Signs are taken of float64 sums: exact for a binary teacher; with a Gaussian one a label could differ between
        machines only where |w_T . x| < 1e-13 N.
        Raises InvalidInputError on a number below 1 or beyond this machine's memory, and on bad seeds.
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
        """Raise InvalidInputError if so many patterns do not fit into this machine's memory."""
        chunk = min(_CHUNK, n_patterns)
        what = f"{n_patterns} patterns of {n_inputs} inputs"
        checked_memory(what, DRAWN * n_patterns * n_inputs + 8 * (chunk + 1) * n_inputs)


def checksum(patterns: Patterns) -> str:
    """SHA-256 of inputs and labels, their shapes included, as 64 hexadecimal digits: equal patterns, equal text.

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
