"""Labelled real inputs on an integer grid, and the image data of the paper's sections 4 and 5.2.

A pre-activation of the first layer is a sum of inputs with signs. On a grid it is an integer, whatever the order of the
terms, so errors are exact and every way to evaluate a network gives the same predictions.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.bits import random_signs
from binland.checks import positive, positive_int
from binland.errors import DataError, InvalidInputError, shown
from binland.extras import installing
from binland.rng import Seed, generator
from deepbridge.common.files import Raw, read_cifar10, read_idx

if TYPE_CHECKING:
    from binland.data import Patterns

GRID = 2048  # steps of the inputs' standard deviation; a gray level is about 30 of them
SHAPES = {"mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar10": (3, 32, 32), "digits": (1, 8, 8)}
WITH_PARITY = ("mnist", "digits")
DIGITS_TRAINED = 1297  # of 1797; the others are the test set
_LARGEST_SUM = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled inputs on an integer grid, the data of binary networks.

    `load` returns two of them for well-known images; `from_real` makes one from arrays of real numbers.

    Parameters
    ----------
    inputs : array_like of shape (P, N) or (P, C, height, width)
        16-bit integers; the network sees inputs * scale.
    labels : array_like of shape (P,)
        -1 or +1 for two classes, else 0 to n_classes - 1.
    n_classes : int
        Number of classes, at least 2.
    scale : float, default 1.0
        Step of the grid, above 0.

    Attributes
    ----------
    inputs : numpy.ndarray, int16
        The inputs, read-only.
    labels : numpy.ndarray of shape (P,), int64
        The labels, read-only.
    largest_sum : int
        Largest sum of the absolute inputs of one pattern.

    Raises
    ------
    InvalidInputError
        If shapes or values are not as above, or a sum over the inputs of a pattern would not fit into 32 bits.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.Dataset([[3, -1], [0, 2]], [1, -1], n_classes=2)
    Dataset(n_patterns=2, input_shape=(2,), n_classes=2)
    """

    inputs: NDArray[np.int16]
    labels: NDArray[np.int64]
    n_classes: int
    scale: float = 1.0
    largest_sum: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        inputs, labels = as_array("inputs", self.inputs), as_array("labels", self.labels)
        object.__setattr__(self, "scale", positive("scale", self.scale))
        object.__setattr__(self, "n_classes", positive_int("n_classes", self.n_classes, minimum=2))
        if inputs.ndim not in (2, 4) or inputs.size == 0 or labels.shape != inputs.shape[:1]:
            raise InvalidInputError(
                f"inputs of shape {inputs.shape} and labels of shape {labels.shape} are not (P, N) or (P, C, height,"
                " width) and (P,)"
            )
        if inputs.dtype.kind not in "iu" or (inputs.dtype != np.int16 and np.any(inputs != inputs.astype(np.int16))):
            raise InvalidInputError(f"inputs of type {inputs.dtype} are not 16-bit integers; see Dataset.from_real")
        _check_labels(labels, self.n_classes)
        object.__setattr__(self, "largest_sum", _largest_sum(inputs))
        if self.largest_sum > _LARGEST_SUM:
            raise InvalidInputError(f"the inputs of a pattern add up to {self.largest_sum}; at most {_LARGEST_SUM}")
        for name, array, dtype in (("inputs", inputs, np.int16), ("labels", labels, np.int64)):
            kept = np.array(array, dtype, order="C")
            kept.flags.writeable = False
            object.__setattr__(self, name, kept)

    @classmethod
    def from_real(cls, inputs: ArrayLike, labels: ArrayLike, n_classes: int) -> "Dataset":
        """Put real inputs of about unit variance on a grid of step 1/2048.

        Parameters
        ----------
        inputs : array_like of shape (P, N) or (P, C, height, width)
            Finite numbers below 16 in size.
        labels : array_like of shape (P,)
            -1 or +1 for two classes, else 0 to n_classes - 1.
        n_classes : int
            Number of classes, at least 2.

        Returns
        -------
        Dataset
            The rounded inputs with their labels.

        Raises
        ------
        InvalidInputError
            If inputs are too large, and as `Dataset`.
        """
        with np.errstate(over="ignore"):  # infinite values are refused below as too large
            steps = np.rint(as_array("inputs", inputs).astype(np.float64) * GRID)
        if not np.all(np.abs(steps) <= np.iinfo(np.int16).max):
            raise InvalidInputError("inputs are not finite and below 16 in size; give them zero mean and unit variance")
        return cls(steps.astype(np.int16), as_array("labels", labels), n_classes, 1 / GRID)

    @classmethod
    def from_patterns(cls, patterns: "Patterns") -> "Dataset":
        """binland's +-1 patterns as a data set of two classes.

        Parameters
        ----------
        patterns : binland.Patterns
            The patterns.

        Returns
        -------
        Dataset
            The same inputs and labels.

        Raises
        ------
        InvalidInputError
            If it is anything else.
        """
        if not _are_patterns(patterns):
            raise InvalidInputError(f"{named(patterns)} given where binland's Patterns are needed")
        return cls(patterns.inputs.astype(np.int16), patterns.labels.astype(np.int64), 2)

    @property
    def n_patterns(self) -> int:
        """Number of patterns P."""
        return len(self.labels)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, (N,) or (C, height, width)."""
        return self.inputs.shape[1:]

    @cached_property
    def classes(self) -> NDArray[np.int64]:
        """Labels counted from 0, (P,) int64: of two classes -1 is class 0 and +1 is class 1."""
        found = (self.labels + 1) // 2 if self.n_classes == 2 else self.labels
        found.flags.writeable = False
        return found

    def with_random_labels(self, seed: Seed) -> "Dataset":
        """Keep the inputs and replace the labels by independent uniform ones.

        Parameters
        ----------
        seed : int, SeedSequence or Generator
            Fixes the labels.

        Returns
        -------
        Dataset
            The same inputs with random labels.

        Raises
        ------
        InvalidInputError
            If the seed is not one.
        """
        drawn = random_classes(self, generator(seed, "random_labels"))
        return Dataset(self.inputs, 2 * drawn - 1 if self.n_classes == 2 else drawn, self.n_classes, self.scale)

    def __repr__(self) -> str:
        return f"Dataset(n_patterns={self.n_patterns}, input_shape={self.input_shape}, n_classes={self.n_classes})"


def random_classes(data: Dataset, rng: np.random.Generator) -> NDArray[np.int64]:
    """Independent uniform classes (P,) int64, drawn as binland draws labels."""
    if data.n_classes == 2:
        return (random_signs(rng, data.n_patterns).astype(np.int64) + 1) // 2
    return rng.integers(data.n_classes, size=data.n_patterns)


def as_array(name: str, values: ArrayLike) -> NDArray[Any]:
    """Values as an array of numbers; tensors may have a gradient, be on a GPU or of type bfloat16.

    Raises InvalidInputError if they are not a rectangular array of numbers.
    """
    torch: Any = sys.modules.get("torch")  # without it there are no tensors
    try:
        if torch is not None and isinstance(values, torch.Tensor):
            tensor = values.detach().cpu()
            array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        else:
            array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise InvalidInputError(f"{name} are not a rectangular array of numbers")
    return array


def limited(name: str, value: object, largest: int, minimum: int = 1) -> int:
    """`value` as an int from `minimum` to `largest`; raises InvalidInputError otherwise."""
    count = positive_int(name, value, minimum)
    if count > largest:
        raise InvalidInputError(f"{name}={count} is more than {largest}; take less")
    return count


def sizes(name: str, values: Sequence[int] | NDArray[np.int64]) -> tuple[int, ...]:
    """Sizes of layers or images, each at least 1; raises InvalidInputError on anything else."""
    values = values.tolist() if isinstance(values, np.ndarray) and values.ndim == 1 else values
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise InvalidInputError(f"{name}={shown(values)} is not a list of sizes")
    return tuple(positive_int(name, value) for value in values)


def named(value: object) -> str:
    """Name of the type of a value for messages, with the package that it is from."""
    kind = type(value)
    package = kind.__module__.split(".")[0]
    return shown(kind.__name__ if package == "builtins" else f"{package}.{kind.__name__}")[1:-1]


def _check_labels(labels: NDArray[Any], n_classes: int) -> None:
    """Raise InvalidInputError unless labels are -1 and +1 (two classes) or whole numbers from 0 to n_classes - 1."""
    if n_classes == 2:
        right, allowed = (labels == -1) | (labels == 1), "-1 and 1"
    else:
        right, allowed = (labels >= 0) & (labels < n_classes), f"0 to {n_classes - 1}"
        right &= labels == np.trunc(labels)
    if not right.all():
        wrong = shown(np.unique(labels[~right])[:5].tolist())
        raise InvalidInputError(f"labels {wrong} are not among those of {n_classes} classes, {allowed}")


def _largest_sum(inputs: NDArray[Any]) -> int:
    """Largest sum of the absolute inputs of a pattern, computed in parts to save memory."""
    parts = np.array_split(inputs.reshape(len(inputs), -1), -(-inputs.size // 2**24))
    return max(int(np.abs(part.astype(np.int64)).sum(axis=1).max()) for part in parts)


def as_dataset(data: "Dataset | Patterns") -> Dataset:
    """Data of either package; raises InvalidInputError on anything else."""
    if isinstance(data, Dataset):
        return data
    if _are_patterns(data):
        return Dataset.from_patterns(data)
    raise InvalidInputError(f"{named(data)} given where a Dataset or Patterns are needed: see deepbridge.load")


def _are_patterns(data: object) -> TypeGuard["Patterns"]:
    """Whether data are binland's Patterns; if `binland.data` was never imported they cannot be."""
    return isinstance(data, getattr(sys.modules.get("binland.data"), "Patterns", ()))


def load(
    name: str,
    *,
    per_class: int | None = None,
    test_per_class: int | None = None,
    task: Literal["classes", "parity"] = "classes",
    seed: Seed = 0,
    folder: str | Path | None = None,
    batches: tuple[int, ...] = (1, 2, 3, 4, 5),
) -> tuple[Dataset, Dataset]:
    """Train and test images: MNIST, Fashion-MNIST, CIFAR-10 or scikit-learn's digits.

    Inputs are shifted and scaled to zero mean and unit variance of each channel over the train images used, and rounded
    to a grid of step 1/2048; test images are treated alike. There is no augmentation.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist", "cifar10", "digits"}
        "digits" are 8 x 8 images, 1297 for training and 500 for testing.
    per_class, test_per_class : int, optional
        Number of train and of test images of each class, drawn at random; by default all.
    task : {"classes", "parity"}, default "classes"
        "parity" (mnist and digits only): two classes, +1 for even digits and -1 for odd ones.
    seed : int, SeedSequence or Generator, default 0
        Fixes which images are drawn.
    folder : str or pathlib.Path, optional
        Folder with mnist/, fashion-mnist/ and cifar10/cifar-10-batches-py/ in their original files. By default the
        environment variable BINLAND_DATA names it; if that is not set, files are downloaded once and checked.
    batches : tuple of int, default (1, 2, 3, 4, 5)
        Which of CIFAR-10's train batches to use, 10 000 images each.

    Returns
    -------
    tuple of Dataset
        (train, test), inputs of shape (P, channels, height, width).

    Raises
    ------
    InvalidInputError
        If the name or task is unknown, or the files have fewer images of a class.
    DataError
        If files are missing or damaged, or scikit-learn is missing for "digits".

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4 and appendix B (parity).

    Examples
    --------
    >>> import deepbridge as db
    >>> train, test = db.load("digits")
    >>> train
    Dataset(n_patterns=1297, input_shape=(1, 8, 8), n_classes=10)
    """
    if not isinstance(name, str) or name not in SHAPES:
        raise InvalidInputError(f"name={shown(name)} is not one of {', '.join(SHAPES)}")
    tasks = ("classes", "parity") if name in WITH_PARITY else ("classes",)
    if not isinstance(task, str) or task not in tasks:
        raise InvalidInputError(f'task={shown(task)} of {name} is not "classes", or "parity" for mnist and digits')
    train_rng, test_rng = generator(seed, "subset").spawn(2)
    train, test = _raw(name, folder, batches)
    train = _subset(train, per_class, "per_class", train_rng)
    test = _subset(test, test_per_class, "test_per_class", test_rng)
    steps = _steps(train[0])
    made = []
    for images, classes in (train, test):
        inputs = np.empty(images.shape, np.int16)
        for c, table in enumerate(steps):
            inputs[:, c] = table[images[:, c]]
        labels = 1 - 2 * (classes % 2) if task == "parity" else classes
        made.append(Dataset(inputs, labels, 2 if task == "parity" else 10, 1 / GRID))
    return made[0], made[1]


def _steps(images: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Grid values of the 256 gray levels of each channel, (C, 256) int16, such that it has mean 0 and variance 1."""
    levels, tables = np.arange(256), []
    for c in range(images.shape[1]):
        counts = np.bincount(images[:, c].reshape(-1), minlength=256)
        mean = counts @ levels / counts.sum()
        std = np.sqrt(counts @ (levels - mean) ** 2 / counts.sum())
        largest = np.iinfo(np.int16).max
        tables.append(np.clip(np.rint((levels - mean) / (std or 1.0) * GRID), -largest, largest))
    return np.array(tables, np.int16)


def _raw(name: str, folder: str | Path | None, batches: tuple[int, ...]) -> tuple[Raw, Raw]:
    if name in ("mnist", "fashion-mnist"):
        return read_idx(name, folder)
    if name == "cifar10":
        return read_cifar10(folder, batches)
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError(f"digits are scikit-learn's, which is not here: {installing('deep')}") from None
    images, classes = load_digits(return_X_y=True)
    images, classes = images.astype(np.uint8).reshape(-1, 1, 8, 8), classes.astype(np.int64)
    return (images[:DIGITS_TRAINED], classes[:DIGITS_TRAINED]), (images[DIGITS_TRAINED:], classes[DIGITS_TRAINED:])


def _subset(raw: Raw, per_class: int | None, argument: str, rng: np.random.Generator) -> Raw:
    """So many images of every class, in the order of the file."""
    if per_class is None:
        return raw
    count = positive_int(argument, per_class)
    images, classes = raw
    chosen = []
    for c in np.unique(classes):
        there = np.flatnonzero(classes == c)
        if len(there) < count:
            raise InvalidInputError(f"{argument}={count}, but class {c} has only {len(there)} images")
        chosen.append(rng.permutation(there)[:count])
    index = np.sort(np.concatenate(chosen))
    return images[index], classes[index]
