import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import deepbridge as db
from deepbridge.binary import int8, training
from tests.deepbridge.test_training import ALGORITHMS, NETWORKS, drawn


@given(st.integers(1, 3), st.integers(1, 40), st.integers(2, 300), st.integers(1, 70), st.integers(0, 2**32))
def test_sums_are_exact_against_int64(networks, batch, n, units, seed):
    rng = np.random.default_rng(seed)
    latents = rng.choice([-0.3, -0.0, 0.0, 0.7], size=(networks, units, n)).astype(np.float32)
    weights = np.where(latents >= 0, 1, -1).astype(np.int64)
    largest = int(rng.choice([1, 127, 128, 129, 5000, int8._LARGEST]))
    inputs = rng.integers(-largest, largest + 1, (9, n))
    inputs[0], inputs[1] = largest, -largest
    halves = int8.halves_of(db.Dataset(inputs.astype(np.int16), np.ones(9, int), 2))
    rows = rng.integers(9, size=(networks, batch))
    out = torch.empty(networks, batch, units)
    layer = int8.NarrowLayer(torch.from_numpy(latents), halves)
    layer.set_weights()
    layer.sums(torch.tensor(inputs[rows]), torch.from_numpy(rows), out)
    assert np.array_equal(out.numpy(), inputs[rows] @ weights.swapaxes(1, 2))
    x = rng.choice([-1, 1], size=(networks, batch, n))
    layer = int8.NarrowLayer(torch.from_numpy(latents))
    layer.set_weights()
    layer.sums(torch.tensor(x, dtype=torch.float32), torch.from_numpy(rows), out)
    assert np.array_equal(out.numpy(), x @ weights.swapaxes(1, 2))


def test_inputs_that_do_not_fit_stay_floats():
    labels = np.array([1])
    assert int8.halves_of(db.Dataset(np.full((1, 3), int8._LARGEST, np.int16), labels, 2)) is not None
    for value, n in ((int8._LARGEST + 1, 3), (-int8._LARGEST - 1, 3), (2**13, 2**11)):
        assert int8.halves_of(db.Dataset(np.full((1, n), value, np.int16), labels, 2)) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("network", NETWORKS)
def test_training_gives_the_same_bits_either_way(network, algorithm, dtype, monkeypatch):
    monkeypatch.setattr(int8, "WORTH", 1)
    found = []
    for pays in (True, False):
        monkeypatch.setattr(int8, "pays", lambda pays=pays: pays)
        found.append(training.fit(*drawn(network), ALGORITHMS[algorithm], 5, dtype=dtype))
    for a, b in zip(found[0].latents, found[1].latents, strict=True):
        assert np.array_equal(a, b)


def test_layers_of_one_input_and_small_ones_are_left_out(monkeypatch):
    monkeypatch.setattr(int8, "pays", lambda: True)
    assert int8.worth(torch.zeros(2, int8.WORTH // 2, 2))
    assert not int8.worth(torch.zeros(2, int8.WORTH, 1))
    assert not int8.worth(torch.zeros(2, int8.WORTH // 2 - 1, 2))
    monkeypatch.setattr(int8, "pays", lambda: False)
    assert not int8.worth(torch.zeros(2, int8.WORTH // 2, 2))
