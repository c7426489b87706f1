"""The paper's sizes: what it states about the three algorithms at N = 1001 (section 5.1, Fig. 6)."""

from itertools import permutations

import numpy as np
import pytest

import binland as bl


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_flatness_generalisation_and_barriers_rank_the_algorithms(seed):
    """Per disorder sample, two solutions of each kind; the gaps are several times the spread over seeds."""
    manifold = bl.HiddenManifold(1001, 501, seed)
    train, test = manifold.sample(1503, seed=seed + 100), manifold.sample(10_000, seed=seed + 200)
    machine = bl.CommitteeMachine(1001, 101)
    energy, test_error, barriers = [], [], []
    for algorithm in (bl.RSGD(), bl.SGD(), bl.ADV()):
        pair = [bl.fit(machine, train, algorithm, seed=10 * seed + k) for k in range(2)]
        assert all(solution.error(train) < 0.01 for solution in pair)
        energy.append(np.mean([bl.local_energy(s, train, [0.05], method="exact").mean for s in pair]))
        test_error.append(np.mean([s.error(test) for s in pair]))
        barriers.append(np.mean([bl.barrier(a, b, train, 5, seed).mean for a, b in permutations(pair)]))
    for measured in (energy, test_error, barriers):
        assert measured[0] < measured[1] < measured[2]
