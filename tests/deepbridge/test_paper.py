"""What the paper finds on real images, in small: 1000 digits, two hidden layers of 51 units, three solutions each."""

import os

import numpy as np
import pytest

import deepbridge as db

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("BINLAND_DATA"), reason="BINLAND_DATA is not set: no MNIST files"),
]
EPOCHS = 150


@pytest.fixture(scope="module")
def measured():
    """Means of local energy at 5 %, test error, distance and barrier raw and aligned. Seeds are fixed."""
    train, test = db.load("mnist", per_class=100, task="parity")
    network = db.BinaryMLP(784, (51, 51))
    recipe = {"epochs": EPOCHS, "history_every": 50}
    algorithms = {
        "RSGD": db.RSGD(**recipe, coupling_growth=1.015),
        "SGD": db.SGD(**recipe),
        "ADV": db.ADV(**recipe, pretrain_epochs=EPOCHS),
    }
    found = {}
    for name, algorithm in algorithms.items():
        solutions = db.fit_many(network, train, algorithm, seeds=[0, 1, 2])
        row = {
            "train": [s.error(train) for s in solutions],
            "test": [s.error(test) for s in solutions],
            "energy": [db.local_energy(s, train, [0.05], 10, seed=k).mean[0] for k, s in enumerate(solutions)],
        }
        for start, end in ((0, 1), (1, 2), (2, 0)):
            a, b = solutions[start], solutions[end]
            for symmetry, other in (("raw", b), ("aligned", db.align(b, to=a).solution)):
                row.setdefault(f"{symmetry} distance", []).append(db.hamming(a, other))
                row.setdefault(f"{symmetry} barrier", []).append(db.barrier(a, other, train, 3, seed=start).mean)
        found[name] = row
    return found


def test_solutions_have_no_train_error_to_speak_of(measured):
    for row in measured.values():
        assert max(row["train"]) < 0.01


def test_flat_solutions_generalise_and_have_low_barriers(measured):
    """RSGD < SGD < ADV in local energy and aligned barrier; in test error and raw barrier ADV is above both others."""
    for quantity in ("energy", "aligned barrier"):
        flat, plain, sharp = (np.mean(measured[name][quantity]) for name in ("RSGD", "SGD", "ADV"))
        assert flat < plain < sharp, quantity
    for quantity in ("test", "raw barrier"):
        flat, plain, sharp = (np.mean(measured[name][quantity]) for name in ("RSGD", "SGD", "ADV"))
        assert max(flat, plain) < sharp, quantity


def test_removing_symmetries_lowers_distances_and_barriers(measured):
    for row in measured.values():
        assert max(row["aligned distance"]) < min(row["raw distance"])
        assert max(row["aligned barrier"]) < min(row["raw barrier"])
