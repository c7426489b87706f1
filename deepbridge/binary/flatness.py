"""Local energy of binary networks: how much the error rises when a fraction of the weights is flipped (appendix B)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from binland.data import Patterns
from binland.flatness import LocalEnergy, checked_fractions, n_flips
from binland.rng import Seed, generator
from binland.walks import random_order
from deepbridge.binary.counting import Walk
from deepbridge.binary.evaluation import error_counts
from deepbridge.binary.networks import check_fit
from deepbridge.binary.solutions import Solution, check_solution
from deepbridge.common.data import Dataset, limited
from deepbridge.common.devices import Device


def local_energy(
    solution: Solution,
    data: Dataset | Patterns,
    fractions: Sequence[float] | NDArray[np.float64],
    realizations: int = 10,
    seed: Seed = 0,
    *,
    device: Device = "cpu",
) -> LocalEnergy:
    """How much the train error of a binary network rises when a fraction of its weights is flipped.

    Exactly round(eps n) of the n weights of all layers are flipped, uniformly chosen (halves are rounded to even).

    Parameters
    ----------
    solution : Solution
        The solution.
    data : Dataset or Patterns
        Data on which errors are counted, usually the train data.
    fractions : sequence of float
        The fractions eps, each in [0, 1].
    realizations : int, default 10
        Number of random draws for each fraction, 1 to 10^6.
    seed : int, SeedSequence or Generator, default 0
        Fixes the draws.
    device : str or torch.device, default "cpu"
        Where errors are counted; they are exact everywhere.

    Returns
    -------
    LocalEnergy
        ``.mean`` and ``.std`` over the draws at each fraction. As in binland a realization is one random walk through
        all fractions: values at one fraction are independent, values of one realization at two fractions are not.

    Raises
    ------
    InvalidInputError
        If a fraction is outside [0, 1] or the data do not fit.
    """
    check_solution(solution)
    dataset = check_fit(solution.network, data)
    eps = checked_fractions(fractions)
    root = generator(seed, "local_energy").integers(2**63, size=2)
    n = solution.network.n_weights
    lengths = np.array([n_flips(fraction, n) for fraction in eps])
    order = np.argsort(lengths, kind="stable")
    counts = np.empty((len(eps), limited("realizations", realizations, 10**6)), np.int64)
    weights = np.arange(n, dtype=np.int64)
    base = 0
    for r in range(realizations):
        flips = random_order(np.random.default_rng([*root, 0, r]), weights, int(lengths.max()))
        walk = Walk(solution.flat, flips, np.concatenate([[0], lengths[order]]), solution.ties)
        base, *found = error_counts(solution.network, dataset, walk, device)
        counts[order, r] = found
    return LocalEnergy(eps, (counts - base) / dataset.n_patterns)
