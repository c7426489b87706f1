"""Alg. 1: every hidden unit at norm 1, checked with plain NumPy on the tensors themselves."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.continuous.solutions import ContinuousSolution
from deepbridge.continuous.units import rescaled
from tests.deepbridge.continuous.problems import CHAINS, EVERY, NETWORKS, close, data, groups, layers, scaled, solution

seeds = st.integers(0, 2**32)


def norms(tensor):
    return np.sqrt((tensor.numpy().astype(np.float64).reshape(len(tensor), -1) ** 2).sum(1))


def incoming(name, one):
    """(name of a weight, norms of the units) of all hidden layers."""
    network = one.network
    return [(w, norms(one.state[w])) for units in network.units.names for w in network.units.writers[units]]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@settings(max_examples=2)
@given(seeds)
def test_units_have_norm_1_and_nothing_else_changes(name, dtype, seed):
    one, (inputs, labels) = solution(name, seed, dtype), data(name, seed)
    epsilon = torch.finfo(dtype).eps
    found = db.normalize(one)
    for _, lengths in incoming(name, found):
        assert np.abs(lengths - 1).max() < 4 * epsilon
    for _, _, grows, pairs in groups(name):
        gammas = [found.state[key] for key in grows if pairs and key.endswith(".weight")]
        if gammas:  # of all batch-norms that add up to the same units
            assert np.abs(norms(torch.stack(gammas, 1)) - 1).max() < 4 * epsilon
    last = norms(found.state[f"{one.network.last_layer}.weight"].reshape(1, -1))
    assert abs(last[0] - one.network.n_outputs**0.5) < 8 * epsilon
    before, after = one.outputs(inputs).astype(np.float64), found.outputs(inputs).astype(np.float64)
    factor = (before * after).sum() / (before * before).sum()
    assert factor > 0
    assert close(after, factor * before, 1e-9 if dtype == torch.float64 else 1e-3)
    if dtype == torch.float64:
        assert found.error_count((inputs, labels)) == one.error_count((inputs, labels))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@settings(max_examples=2)
@given(seeds)
def test_normalised_twice_is_once_bit_for_bit(name, dtype, seed):
    for rule in ("all", "paper"):
        if rule == "all" or name in CHAINS:
            once = db.normalize(solution(name, seed, dtype), rule)
            twice = db.normalize(once, rule)
            assert all(torch.equal(once.state[key], twice.state[key]) for key in once.state)


def test_long_rows_are_normalised_once_too():
    network = db.MLP(40_000, (3,), 2 + 1)
    for dtype in (torch.float64, torch.float32):
        once = db.normalize(ContinuousSolution(network, network.initial(0, dtype)))
        twice = db.normalize(once)
        assert all(torch.equal(once.state[key], twice.state[key]) for key in once.state)


@pytest.mark.parametrize("name", EVERY)
def test_all_members_of_a_class_have_one_representative(name):
    one = solution(name, 0)
    rng = torch.Generator().manual_seed(0)
    state = dict(one.state)
    for rescaling in one.network.units.rescalings:
        some = 0.2 + 3 * torch.rand(one.network.units.sizes[rescaling.units], generator=rng, dtype=torch.float64)
        state = rescaled(one.network.units, state, rescaling, some)
    a, b = db.normalize(one), db.normalize(one.at(state))
    assert all(torch.allclose(a.state[key].double(), b.state[key].double(), 1e-9, 1e-12) for key in a.state)


def test_an_mlp_against_plain_numpy():
    one = solution("mlp", 3)
    w1, b1, w2, b2, w3, b3 = (one.state[f"{k}.{name}"].numpy().copy() for k in (1, 3, 5) for name in ("weight", "bias"))
    length = np.linalg.norm(w1, axis=1)
    w1, b1, w2 = w1 / length[:, None], b1 / length, w2 * length
    length = np.linalg.norm(w2, axis=1)
    w2, b2, w3 = w2 / length[:, None], b2 / length, w3 * length
    for last_layer, factor in ((False, 1.0), (True, np.sqrt(3) / np.linalg.norm(w3))):
        found = db.normalize(one, last_layer=last_layer)
        for key, wanted in (("1.weight", w1), ("1.bias", b1), ("3.weight", w2), ("3.bias", b2)):
            assert np.allclose(found.state[key].numpy(), wanted, rtol=1e-13)
        for key, wanted in (("5.weight", w3), ("5.bias", b3)):
            assert np.allclose(found.state[key].numpy(), factor * wanted, rtol=1e-13)


def test_the_paper_rule_of_batch_norms_against_a_twin():
    """Incoming weights, bias and batch-norm parameters times 1 / |w|, outgoing weights times |w|: section 3.1.1."""
    one = solution("vgg16", 1)
    state = {key: tensor.numpy().copy() for key, tensor in one.state.items()}
    chain = layers(one.network)
    for (layer, norm), (after, _) in itertools.pairwise(chain):
        length = norms(torch.as_tensor(state[f"{layer}.weight"]))
        state[f"{layer}.weight"] /= length[:, None, None, None]
        for key in (f"{layer}.bias", f"{norm}.weight", f"{norm}.bias", f"{norm}.running_mean"):
            state[key] /= length
        state[f"{norm}.running_var"] = (state[f"{norm}.running_var"] + 1e-5) / length**2 - 1e-5
        shape = [1, -1] + [1] * (state[f"{after}.weight"].ndim - 2)
        state[f"{after}.weight"] *= length.reshape(shape)
    found = db.normalize(one, "paper", last_layer=False)
    assert all(np.allclose(found.state[key].numpy(), state[key], 1e-12, 1e-15) for key in state)
    inputs, _ = data("vgg16")
    assert close(found.outputs(inputs), one.outputs(inputs), 1e-10)


def test_the_paper_rule_leaves_the_scale_of_gamma_free():
    """Which is why "all" is the default: two copies of one network have two representatives under "paper"."""
    one = solution("vgg16", 1)
    (first, norm), (second, _), *_ = layers(one.network)
    some = torch.tensor([0.5, 3.0], dtype=torch.float64)
    other = one.at(scaled(one.state, some, [f"{norm}.weight", f"{norm}.bias"], [f"{second}.weight"]))
    assert db.distance(one, other) < 1e-6
    units = db.unit_distances(one, other, batch_norm="paper")
    assert units[f"{first}.weight"].max() < 1e-6
    assert units[f"{second}.weight"].max() > 0.1


def test_dead_units_stay_as_they_are():
    one = solution("mlp", 0)
    state = {key: tensor.clone() for key, tensor in one.state.items()}
    state["1.weight"][2] = 0
    state["3.weight"][:] = 0
    found = db.normalize(one.at(state))
    assert found.state["1.weight"][2].tolist() == [0.0] * 7
    assert found.state["1.bias"][2] == state["1.bias"][2]
    assert norms(found.state["1.weight"]) == pytest.approx([1, 1, 0, 1, 1])
    assert found.state["3.weight"].abs().max() == 0
    inputs, _ = data("mlp")
    factor = float(found.state["5.weight"][0, 0] / state["5.weight"][0, 0])
    assert close(found.outputs(inputs), factor * one.at(state).outputs(inputs), 1e-12)


def test_a_network_of_zeros_is_left_alone():
    network = NETWORKS["lenet"]
    zeros = ContinuousSolution(network, {key: torch.zeros_like(t) for key, t in solution("lenet", 0).state.items()})
    assert not db.normalize(zeros).flat.any()
    assert db.distance(zeros, zeros) == 0


def test_leaky_units_without_bias():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(6, 5, bias=False), nn.LeakyReLU(0.2), nn.Linear(5, 4, bias=False), nn.LeakyReLU(), nn.Linear(4, 3)
    )
    inputs = np.random.default_rng(0).standard_normal((20, 6))
    one = db.from_module(net, inputs)
    found = db.normalize(one, last_layer=False)
    assert norms(found.state["0.weight"]) == pytest.approx(np.ones(5), rel=1e-6)
    assert norms(found.state["2.weight"]) == pytest.approx(np.ones(4), rel=1e-6)
    assert close(found.outputs(inputs), one.outputs(inputs), 1e-5)


@pytest.mark.parametrize("size", [1e-170, 1e-30, 1e30, 1e150])
def test_weights_of_any_size(size):
    one = solution("mlp", 0)
    state = dict(one.state)
    for key in ("1.weight", "1.bias"):
        state[key] = state[key] * size
    state["3.weight"] = state["3.weight"] / size
    a, b = db.normalize(one), db.normalize(one.at(state))
    assert all(torch.allclose(a.state[key], b.state[key], 1e-9, 0) for key in a.state)


def test_what_float32_cannot_hold_is_refused():
    one = solution("mlp", 0, torch.float32)
    state = dict(one.state)
    state["1.weight"] = state["1.weight"] * 1e-42
    with pytest.raises(InvalidInputError, match="not finite"):
        db.normalize(one.at(state))


def test_no_hidden_layer():
    network = db.MLP(5, (), 3)
    one = solution(network, 0)
    found = db.normalize(one)
    assert norms(found.state["1.weight"].reshape(1, -1))[0] == pytest.approx(3**0.5)


def test_a_batch_norm_behind_the_last_layer_leaves_the_outputs_alone():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3), nn.BatchNorm1d(3))
    net[3].running_mean += 1
    inputs = np.random.default_rng(0).standard_normal((20, 6))
    one = db.from_module(net, inputs)
    assert one.network.last_layer == ""
    assert close(db.normalize(one).outputs(inputs), one.outputs(inputs), 1e-5)


def test_units_that_cannot_be_rescaled_are_refused():
    net = nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3))
    axes = {"0.weight": ("a", None), "0.bias": ("a",), "2.weight": (None, "a")}
    one = db.from_module(net, np.ones((2, 6)), db.Symmetry(axes, rescaled=False))
    with pytest.raises(InvalidInputError, match="cannot be rescaled"):
        db.normalize(one)
    assert db.align(one, one, "coordinate").permutation[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: db.normalize("mlp"), "'mlp' given where a solution"),
        (lambda: db.normalize(solution("mlp", 0), "none"), "batch_norm='none' is not one of 'all', 'paper'"),
        (lambda: db.normalize(solution("mlp", 0), last_layer=1), "last_layer=1 is not true or false"),
        (lambda: db.normalize(solution("resnet20", 0), "paper"), 'batch_norm="paper" is for chains'),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
