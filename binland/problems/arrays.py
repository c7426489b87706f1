"""The user's own arrays from a .npz, HDF5 or .npy file, `[data] kind = "arrays"`.

The SHA-256 of the training arrays is part of the identity of disorder samples; the path of the file is not.
"""

import hashlib
import os
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from binland.checks import checked_memory
from binland.errors import BinlandError, DataError
from binland.pattern_file import read_arrays
from binland.problems.sizes import PatternSettings
from binland.sweep.contracts.problem import Inputs, Problem, SeedFor
from binland.sweep.contracts.section import FILE, FILES_MAY_BE_READ, Positive
from binland.sweep.identity import identify

LARGEST_CLASS = 10_000
FOUND = ("shape", "n_classes", "values", "n_all", "n_all_test")  # settings that the file gives


class Arrays(NamedTuple):
    """Inputs (P, ...) and labels (P,) as they are in a file."""

    inputs: NDArray[Any]
    labels: NDArray[Any]


class ArraySettings(PatternSettings):
    """[data] kind = "arrays".

    With n_patterns or alpha each disorder sample is a random choice of so many patterns, else it has all of them. Test
    patterns are the test arrays, or the patterns that were not chosen if there are none.
    """

    silent = ("file", "labels_file", "n_all", "n_all_test")

    file: Annotated[str, FILE] = Field(description="file with the arrays: .npz, HDF5, or .npy with the inputs alone")
    labels_file: Annotated[str | None, FILE] = Field(None, description="file with the labels, where `file` is .npy")
    inputs: str = Field("inputs", description="name of the array of inputs, (P, N) or (P, channels, height, width)")
    labels: str = Field("labels", description="name of the array of labels: -1 and +1, or 0, 1, 2, ...")
    test_inputs: str = Field("test_inputs", description="name of the inputs of test patterns, if there are some")
    test_labels: str = Field("test_labels", description="name of the labels of test patterns, if there are some")
    n_test: Positive | None = Field(None, title="P test", description="number of test patterns")
    sha256: str | None = Field(None, description="found in the file: checksum of the training arrays; not to be given")
    shape: list[Positive] | None = Field(None, description="found in the file: shape of an input; not to be given")
    n_classes: Annotated[int, Field(ge=2, le=LARGEST_CLASS)] | None = Field(
        None, description="found in the file: number of classes; not to be given"
    )
    values: str | None = Field(None, description='found in the file: "signs" or "reals"; not to be given')
    n_all: Positive | None = Field(None, description="found in the file: number of patterns; not to be given")
    n_all_test: int | None = Field(None, description="found in the file: number of test patterns; not to be given")

    @model_validator(mode="after")
    def _look(self) -> "ArraySettings":
        if self.sha256 is None:
            given = [name for name in FOUND if name in self.model_fields_set and getattr(self, name) is not None]
            if given:
                raise ValueError(f"{given[0]} is found in the file; remove it")
            if not FILES_MAY_BE_READ.get():
                raise ValueError("sha256 is missing")
            for name, value in _found(self).items():
                object.__setattr__(self, name, value)
        self._count()
        return self

    def _count(self) -> None:
        """Check that numbers of patterns are possible."""
        width, there = int(np.prod(self.shape or [1])), self.n_all or 0
        if self.alpha is not None and self.n_patterns not in (None, max(1, round(self.alpha * width))):
            raise ValueError("alpha and n_patterns are two ways to say one thing; give one of them")
        if self.alpha is not None:
            object.__setattr__(self, "n_patterns", max(1, round(self.alpha * width)))
        if (self.n_patterns or 0) > there:
            raise ValueError(f"n_patterns = {self.n_patterns} are more than the {there} of {self.file}; take less")
        left = self.n_all_test or there - (self.n_patterns or there)
        if left < (self.n_test or 1):
            raise ValueError(
                f"{self.file}: {left} patterns are left for tests (n_test = {self.n_test}); add arrays"
                f" {self.test_inputs} and {self.test_labels} to it, or train with fewer (n_patterns)"
            )


class OwnArrays(Problem[ArraySettings]):
    """Patterns of a file; each disorder sample is a random choice of them."""

    name = "arrays"
    Settings = ArraySettings

    def inputs(self, settings: ArraySettings) -> Inputs:
        """Shape and kind of the inputs in the file."""
        return Inputs(tuple(settings.shape or ()), settings.n_classes or 2, settings.values or "reals")

    def train(self, settings: ArraySettings, seed: SeedFor) -> Arrays:
        """All patterns, or a random choice."""
        found, _ = _read(settings)
        return found if settings.n_patterns is None else _part(found, _order(settings, seed)[: settings.n_patterns])

    def test(self, settings: ArraySettings, seed: SeedFor) -> Arrays:
        """The test arrays, or patterns that were not chosen."""
        found, tests = _read(settings)
        if tests is not None:
            return (
                tests
                if settings.n_test is None
                else Arrays(tests.inputs[: settings.n_test], tests.labels[: settings.n_test])
            )
        rest = _order(settings, seed)[settings.n_patterns :]
        return _part(found, rest if settings.n_test is None else rest[: settings.n_test])

    def key(self, settings: ArraySettings) -> dict[str, Any]:
        """Content of the file, and number of patterns."""
        return {"kind": self.name, "sha256": settings.sha256, "n_patterns": settings.n_patterns}

    def test_key(self, settings: ArraySettings) -> dict[str, Any]:
        """Number of test patterns."""
        return {"n_test": settings.n_test}

    def coordinates(self, settings: ArraySettings) -> dict[str, tuple[float, str]]:
        """P / N, to plot against."""
        count = settings.n_patterns or settings.n_all or 0
        return {"constraint_density": (count / int(np.prod(settings.shape or [1])), "P / N")}

    def check_samples(self, settings: ArraySettings, disorder_samples: int) -> None:
        """Raise ValueError if several disorder samples are asked for but all patterns are used."""
        if disorder_samples > 1 and settings.n_patterns is None:
            raise ValueError(
                f"grid.disorder_samples = {disorder_samples} are random choices of the patterns, but all are used; set"
                " data.n_patterns, or grid.disorder_samples = 1"
            )

    def check_ready(self, settings: ArraySettings) -> None:
        """Raise DataError unless the file is there and unchanged."""
        _read(settings)

    def summary(self, settings: ArraySettings) -> str:
        """Number of patterns, in words."""
        return f"own arrays, P = {settings.n_patterns or settings.n_all}"


def _order(settings: ArraySettings, seed: SeedFor) -> NDArray[np.int64]:
    """All patterns in a random order, of which the first are learned."""
    return np.random.default_rng(seed("choice")).permutation(settings.n_all or 0)


def _part(found: Arrays, chosen: NDArray[np.int64]) -> Arrays:
    return Arrays(found.inputs[chosen], found.labels[chosen])


def _read(settings: ArraySettings) -> tuple[Arrays, Arrays | None]:
    """Training and test arrays; raises DataError unless they are those that the sweep was begun with."""
    found, tests, checksum = _contents(settings)
    if settings.sha256 not in (None, checksum):
        raise DataError(f"{settings.file}: holds other patterns than when the sweep was made; take the file of then")
    return found, tests


def _contents(settings: ArraySettings) -> tuple[Arrays, Arrays | None, str]:
    """What the files hold now: training arrays, test arrays or None, and the SHA-256 of both."""
    names = (settings.inputs, settings.labels, settings.test_inputs, settings.test_labels)
    files = (settings.file, settings.labels_file)
    return _arrays(_states(*files), *files, *names)


def _states(*files: str | None) -> tuple[Any, ...]:
    """Size and times of files, by which a change is noticed."""
    try:
        stats = [os.stat(file) for file in files if file is not None]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{files[0]}: cannot be read ({why}); give the path of a .npz, .npy or HDF5 file") from None
    return tuple((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats)


@lru_cache(maxsize=2)
def _arrays(
    states: tuple[Any, ...],
    file: str,
    labels_file: str | None,
    inputs: str,
    labels: str,
    test_inputs: str,
    test_labels: str,
) -> tuple[Arrays, Arrays | None, str]:
    """The arrays of the files, cached until a file changes."""
    found = read_arrays(file, (inputs, labels), labels_file)
    tests = None if labels_file is not None else read_arrays(file, (test_inputs, test_labels), None, optional=True)
    assert found is not None  # it is not optional
    pairs = [Arrays(*found)] + ([Arrays(*tests)] if tests else [])
    for pair in pairs:
        _check(file, pair)
    if tests and pairs[1].inputs.shape[1:] != pairs[0].inputs.shape[1:]:
        raise DataError(
            f"{file}: test inputs have the shape {pairs[1].inputs.shape}, and inputs {pairs[0].inputs.shape}"
        )
    content = {f"{k}": [str(array.shape), _hash(array)] for k, array in enumerate(sum(pairs, ()))}
    return pairs[0], pairs[1] if tests else None, identify(content).id


def _hash(array: NDArray[Any]) -> str:
    """SHA-256 of values, the same for every type of numbers."""
    checked_memory("a copy of the arrays as floats", 8 * array.size)
    return hashlib.sha256(np.ascontiguousarray(array, np.float64).data).hexdigest()


def _check(file: str, found: Arrays) -> None:
    """Raise DataError unless there is one label for each of some inputs, and all are numbers."""
    inputs, labels = found
    if inputs.ndim < 2 or labels.shape != inputs.shape[:1] or not inputs.size:
        raise DataError(
            f"{file}: inputs of shape {inputs.shape} and labels of shape {labels.shape} are not (P, ...) and (P,)"
        )
    if not np.isfinite(inputs).all() or not np.isfinite(labels).all():
        raise DataError(f"{file}: some inputs or labels are no numbers; mend them")


def _found(settings: ArraySettings) -> dict[str, Any]:
    """Facts about the file, as settings."""
    try:
        found, tests, checksum = _contents(settings)
        both = [found, tests] if tests else [found]
        return {
            "sha256": checksum,
            "shape": list(found.inputs.shape[1:]),
            "n_classes": _classes(settings.file, np.concatenate([one.labels for one in both])),
            "values": "signs" if all(_signs(one.inputs) for one in both) else "reals",
            "n_all": len(found.inputs),
            "n_all_test": len(tests.inputs) if tests else 0,
        }
    except BinlandError as error:
        raise ValueError(str(error)) from None


def _signs(values: NDArray[Any]) -> bool:
    return bool(np.all((values == 1) | (values == -1)))


def _classes(file: str, labels: NDArray[Any]) -> int:
    """Number of classes: 2 for labels -1 and +1, else one more than the largest of 0, 1, ..."""
    if _signs(labels):
        return 2
    largest = labels.max()
    if labels.min() < 0 or np.any(labels != np.floor(labels)) or largest >= LARGEST_CLASS or largest < 2:
        raise DataError(f"{file}: labels are neither -1 and +1 nor 0, 1, 2, ... below {LARGEST_CLASS}; convert them")
    return int(largest) + 1


OWN_ARRAYS = OwnArrays()
