"""Volumes of Hamming shells around solutions of deep binary networks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from binland.checks import number_between
from binland.data import Patterns
from binland.rng import Seed
from binland.volumes import HammingVolume, checked_distances, errors_below, from_rises
from deepbridge.binary.flatness import local_energy
from deepbridge.binary.networks import check_fit
from deepbridge.binary.solutions import Solution, check_solution
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device


def hamming_volume(
    solution: Solution,
    data: Dataset | Patterns,
    fractions: Sequence[float] | NDArray[np.float64],
    max_error: float = 0.0,
    realizations: int = 1000,
    seed: Seed = 0,
    confidence: float = 0.95,
    *,
    device: Device = "cpu",
) -> HammingVolume:
    """How many weight vectors near a solution of a binary network make few errors: the volume of a flat region.

    At each of several Hamming distances, it is the number of all weight vectors there times the share of those with a
    train error of at most `max_error`, among random ones.

    Parameters
    ----------
    solution : Solution
        The weights in the middle.
    data : Dataset or Patterns
        Data on which errors are counted, usually the train data.
    fractions : sequence of float
        Distances as fractions of the n weights of all layers, in [0, 1]; exactly round(fraction n) weights are flipped.
        Equal distances count once. All of a ball is ``np.arange(k + 1) / n``.
    max_error : float, default 0.0
        Largest train error that counts as low, in [0, 1].
    realizations : int, default 1000
        Number of random draws at each distance.
    seed : int, SeedSequence or Generator, default 0
        Fixes the draws, which are those of `local_energy`.
    confidence : float, default 0.95
        Probability with which the intervals hold, all together.
    device : str or torch.device, default "cpu"
        Where errors are counted; they are exact everywhere.

    Returns
    -------
    HammingVolume
        ``.log_volume`` with ``.log_volume_interval``, ``.shares``, ``.log_shells``.

    Raises
    ------
    InvalidInputError
        If an argument is out of range or the data do not fit.

    See Also
    --------
    binland.hamming_volume : the same for shallow machines, small ones exactly.

    References
    ----------
    Baldassi et al., Subdominant dense clusters allow for simple learning and high computational performance in neural
    networks with discrete synapses, Phys. Rev. Lett. 115, 128101 (2015). Clopper and Pearson, Biometrika 26, 404
    (1934).

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> solution = db.fit(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=20), seed=0)
    >>> db.hamming_volume(solution, train, [0.0, 0.01], max_error=1.0, realizations=10).shares.tolist()
    [1.0, 1.0]
    """
    check_solution(solution)
    dataset, n = check_fit(solution.network, data), solution.network.n_weights
    distances, most = checked_distances(fractions, n), errors_below(max_error, dataset.n_patterns)
    share = number_between("confidence", confidence, 0.5, 0.999999)
    return sampled_volumes(solution, dataset, distances, [most], realizations, seed, share, device)[0]


def sampled_volumes(
    solution: Solution,
    dataset: Dataset,
    distances: NDArray[np.int64],
    max_errors: Sequence[int],
    realizations: int,
    seed: Seed,
    confidence: float,
    device: Device,
) -> list[HammingVolume]:
    """A volume for each of several largest numbers of errors, from the same draws."""
    n, errors = solution.network.n_weights, solution.error_count(dataset)
    rises = local_energy(solution, dataset, distances / n, realizations, seed, device=device)
    return [from_rises(rises, errors, dataset.n_patterns, distances, n, most, confidence) for most in max_errors]
