"""Seeds: public functions take an int, a SeedSequence or a Generator; tasks seed themselves by what they are."""

import hashlib
import numbers

import numpy as np

from binland.errors import InvalidInputError

Seed = int | np.random.SeedSequence | np.random.Generator


def generator(seed: Seed) -> np.random.Generator:
    """A Generator from a seed; a Generator is used as it is and advances.

    Raises InvalidInputError for anything but a non-negative int, a SeedSequence or a Generator (None included: a
    number that cannot be reproduced is not a result).
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, np.random.SeedSequence):
        return np.random.default_rng(seed)
    if isinstance(seed, numbers.Integral) and not isinstance(seed, bool) and int(seed) >= 0:
        return np.random.default_rng(int(seed))
    raise InvalidInputError(f"seed={seed!r} is not a non-negative int, numpy SeedSequence or numpy Generator")


def seed_of(text: str) -> np.random.SeedSequence:
    """The SeedSequence of a task described by its canonical text (SHA-256 of the text as entropy)."""
    return np.random.SeedSequence(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
