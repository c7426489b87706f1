"""Checks of arguments at the places where they enter: numbers, words, paths, arrays, and the memory they need."""

import math
import numbers
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from binland.errors import InvalidInputError, shown

Number = TypeVar("Number", bound=np.generic)

LARGEST = 2**31 - 1
SMALLEST_FLOAT, LARGEST_FLOAT = 1e-12, 1e12
NO_NUMBERS = (bool, np.timedelta64)  # though Python and NumPy count them among the integers
LONGEST_PATH = 4096  # letters


def positive_int(name: str, value: object, minimum: int = 1) -> int:
    """`value` as an int from `minimum` to 2^31 - 1; raises InvalidInputError otherwise."""
    if is_integer(value) and minimum <= value <= LARGEST:
        return int(value)
    raise InvalidInputError(f"{name}={shown(value)} is not an integer of at least {minimum} (and below 2^31)")


def is_integer(value: object) -> TypeGuard[int]:
    """Whether it is an integer of any library; truth values and time spans do not count."""
    return isinstance(value, numbers.Integral) and not isinstance(value, NO_NUMBERS)


def positive(name: str, value: object, *, zero: bool = False, infinite: bool = False) -> float:
    """`value` as a float if it is in [1e-12, 1e12] (or zero, or infinite, if allowed); else InvalidInputError.

    The bounds keep float32 numbers, and products of a few of them, finite.
    """
    number = _real(value)
    if SMALLEST_FLOAT <= number <= LARGEST_FLOAT or (zero and number == 0) or (infinite and number == math.inf):
        return float(number)
    also = " or 0" if zero else " or inf" if infinite else ""
    raise InvalidInputError(f"{name}={shown(value)} is not a number from {SMALLEST_FLOAT:g} to {LARGEST_FLOAT:g}{also}")


def _real(value: object) -> Any:
    """A real number as it is (an integer may be too large for a float); nan for anything else."""
    return value if isinstance(value, numbers.Real) and not isinstance(value, NO_NUMBERS) else math.nan


def finite(name: str, value: object) -> float:
    """`value` as a float of at most 1e12 in size; raises InvalidInputError otherwise."""
    number = _real(value)
    if abs(number) <= LARGEST_FLOAT:
        return float(number)
    raise InvalidInputError(f"{name}={shown(value)} is not a finite number (of at most 1e12 in size)")


def fraction(name: str, value: object) -> float:
    """`value` as a float in [0, 1]; raises InvalidInputError otherwise."""
    return number_between(name, value, 0, 1)


def share_kept(name: str, value: object) -> float:
    """`value` as a float in [0, 1), the share of an old value that is kept; raises InvalidInputError otherwise."""
    share = fraction(name, value)
    if share == 1:
        raise InvalidInputError(f"{name}={shown(value)} keeps what was for ever; choose it below 1")
    return share


def number_between(name: str, value: object, low: float, high: float) -> float:
    """`value` as a float in [low, high]; raises InvalidInputError otherwise."""
    number = _real(value)
    if low <= number <= high:
        return float(number) + 0.0  # not -0.0
    raise InvalidInputError(f"{name}={shown(value)} is not a number from {low:g} to {high:g}")


def true_or_false(name: str, value: object) -> bool:
    """`value` if it is True or False; raises InvalidInputError otherwise."""
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name}={shown(value)} is not true or false")
    return value


def one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    """`value` if it is one of the allowed texts; raises InvalidInputError otherwise."""
    if not isinstance(value, str) or value not in allowed:
        raise InvalidInputError(f"{name}={shown(value)} is not one of {', '.join(map(repr, allowed))}")
    return str(value)


def checked_path(name: str, value: object) -> Path:
    """`value` as a Path; raises InvalidInputError unless it is a text or path of at most 4096 characters."""
    try:
        text = os.fspath(value)  # type: ignore[call-overload]
    except Exception:  # a foreign class may raise anything
        text = None
    if not isinstance(text, str):
        raise InvalidInputError(f"{name}={shown(value)} is not a path; give a text or a pathlib.Path")
    if len(text) > LONGEST_PATH:
        raise InvalidInputError(f"{name}={shown(text)} has {len(text)} letters; a path has at most {LONGEST_PATH}")
    return Path(text)


def as_array(values: object) -> NDArray[Any] | None:
    """`values` as a NumPy array, None if impossible; raises InvalidInputError if it does not fit into memory."""
    if isinstance(values, Sequence):
        checked_memory(f"{len(values)} values", 8 * len(values))
    try:
        return np.asarray(values)
    except MemoryError:
        raise
    except Exception:  # libraries raise exceptions of their own
        return None


def real_array(name: str, values: object) -> NDArray[Any]:
    """`values` as an array of integers or floats; raises InvalidInputError otherwise."""
    array = as_array(values)
    checked_memory(name, 0 if array is None else 8 * array.size)  # a broadcast view may be larger than its memory
    if array is not None and array.dtype.kind == "O":  # Python objects: other kinds of numbers, or anything else
        text = any(isinstance(value, (str, bytes)) for value in array.flat)  # NumPy would convert texts to numbers
        try:
            array = None if text else array.astype(np.float64)
        except Exception:  # a foreign class may raise anything
            array = None
    if array is None or array.dtype.kind not in "iuf":
        raise InvalidInputError(f"{name}={shown(values)} is not an array of numbers")
    return array


def finite_float32(name: str, values: object, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """`values` as a float32 array; raises InvalidInputError unless it is finite and of the given shape."""
    array = real_array(name, values)
    if array.shape == shape:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32, copy=False)
        if np.isfinite(array).all():
            return array
    raise InvalidInputError(f"{name} of shape {array.shape} is not a finite array of shape {shape}")


def shaped_floats(name: str, values: object, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """`values` as a read-only float64 copy; raises InvalidInputError on another shape, in which None is any length."""
    array = real_array(name, values)
    fits = [wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=False)]
    if array.ndim != len(shape) or not all(fits):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise InvalidInputError(f"{name} of shape {array.shape} is not an array of numbers of shape ({wanted})")
    return read_only(array.astype(np.float64, copy=False))


def read_only(array: NDArray[Number]) -> NDArray[Number]:
    """A C-ordered copy that cannot be written to."""
    made = np.array(array, order="C")
    made.flags.writeable = False
    return made


def checked_memory(what: str, count: float) -> None:
    """Raise InvalidInputError if `count` bytes are more than this machine has."""
    here = memory()
    if count > here:
        needed, there = _gigabytes(count), _gigabytes(here)
        raise InvalidInputError(f"{what} would take {needed} of memory; this machine has {there}: choose less")


def memory() -> int:
    """Bytes of memory of this machine; 64 GiB if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2**36


def _gigabytes(count: float) -> str:
    return f"{count / 2**30:.3g} GiB"
