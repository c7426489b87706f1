"""Seeds: public functions take an int, a SeedSequence or a Generator."""

import numpy as np

from binland.checks import is_integer
from binland.errors import InvalidInputError, shown

Seed = int | np.random.SeedSequence | np.random.Generator


def generator(seed: Seed, purpose: str) -> np.random.Generator:
    """A NumPy Generator from a seed.

    An int is mixed with the purpose, so that one int given to several functions gives unrelated numbers. A SeedSequence
    is used as it is and not changed. A Generator is used as it is and advances. Raises InvalidInputError for anything
    else, also None, which could not be reproduced.
    """
    if isinstance(seed, np.random.Generator):
        if isinstance(seed.bit_generator.seed_seq, np.random.SeedSequence):
            return seed
    elif isinstance(seed, np.random.SeedSequence):
        fresh = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key, pool_size=seed.pool_size)
        return np.random.default_rng(fresh)
    elif is_integer(seed) and int(seed) >= 0:
        return np.random.default_rng([int(seed), int.from_bytes(purpose.encode(), "big")])
    raise InvalidInputError(
        f"seed={shown(seed)} is not a non-negative int, a numpy SeedSequence or a numpy Generator that can spawn"
    )
