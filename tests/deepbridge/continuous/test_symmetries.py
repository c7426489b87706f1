"""Rescalings and permutations leave functions unchanged; the references are written out by hand in `problems`."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from deepbridge.continuous.units import permuted, rescaled
from tests.deepbridge.continuous.problems import (
    CHAINS,
    EVERY,
    NETWORKS,
    absorbed,
    close,
    data,
    disguised,
    groups,
    layers,
    outputs,
    scaled,
    shuffled,
    size_of,
    solution,
)

seeds = st.integers(0, 2**32)


def factors(size, seed, dtype=torch.float64):
    return (0.1 + 4 * torch.rand(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def order(size, seed):
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed)).tolist()


def named(network, group):
    """What the package calls these units."""
    return network.units.axes[group[0][0]][0]


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=2)
@given(seeds)
def test_units_may_be_multiplied_by_positive_numbers(name, seed):
    network, one, (inputs, _) = NETWORKS[name], solution(name, seed), data(name, seed)
    expected = outputs(network, one.state, inputs)
    for group in groups(name):
        _, columns, grows, _ = group
        some = factors(size_of(one.state, group), seed)
        by_hand = scaled(one.state, some, grows, columns)
        assert close(outputs(network, by_hand, inputs), expected, 1e-10)
        (rescaling,) = [r for r in network.units.rescalings if r.units == named(network, group) and not r.norms]
        ours = rescaled(network.units, one.state, rescaling, some)
        assert all(torch.allclose(ours[key], by_hand[key], 1e-15, 0) for key in by_hand)


@pytest.mark.parametrize("name", ["vgg16", "resnet20"])
@settings(max_examples=2)
@given(seeds)
def test_layers_in_front_of_batch_norms_may_be_multiplied(name, seed):
    network, one, (inputs, _) = NETWORKS[name], solution(name, seed), data(name, seed)
    expected = outputs(network, one.state, inputs)
    for group in groups(name):
        for layer, norm in group[3]:
            some = factors(size_of(one.state, group), seed)
            by_hand = absorbed(one.state, some, layer, norm)
            assert close(outputs(network, by_hand, inputs), expected, 1e-10)
            (rescaling,) = [r for r in network.units.rescalings if r.norms == (norm,)]
            ours = rescaled(network.units, one.state, rescaling, some)
            assert all(torch.allclose(ours[key], by_hand[key], 1e-15, 1e-20) for key in by_hand)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=2)
@given(seeds)
def test_units_may_change_places(name, seed):
    network, one, (inputs, _) = NETWORKS[name], solution(name, seed), data(name, seed)
    expected = outputs(network, one.state, inputs)
    assert [named(network, group) for group in groups(name)] != []
    assert {named(network, group) for group in groups(name)} == set(network.units.names)
    for group in groups(name):
        rows, columns, _, _ = group
        some = order(size_of(one.state, group), seed)
        by_hand = shuffled(one.state, some, rows, columns)
        assert close(outputs(network, by_hand, inputs), expected, 1e-10)
        ours = permuted(network.units, one.state, named(network, group), torch.tensor(some))
        assert all(torch.equal(ours[key], by_hand[key]) for key in by_hand)


@pytest.mark.parametrize(("name", "tolerance"), [("mlp", 1e-5), ("lenet", 1e-5), ("vgg16", 1e-4), ("resnet20", 1e-4)])
def test_all_at_once_and_in_float32_up_to_its_rounding(name, tolerance):
    network, (inputs, _) = NETWORKS[name], data(name)
    for seed in range(3):
        for dtype, allowed in ((torch.float64, 1e-10), (torch.float32, tolerance)):
            one = solution(name, seed, dtype)
            found = outputs(network, disguised(name, one, seed).state, inputs)
            assert close(found, outputs(network, one.state, inputs), allowed)


@pytest.mark.parametrize("name", CHAINS)
def test_negative_numbers_are_no_symmetry(name):
    network, one, (inputs, _) = NETWORKS[name], solution(name, 0), data(name)
    group = groups(name)[0]
    turned = scaled(one.state, -torch.ones(size_of(one.state, group), dtype=torch.float64), group[2], group[1])
    assert not close(outputs(network, turned, inputs), outputs(network, one.state, inputs), 1e-3)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-12])
def test_in_training_mode_outputs_change_by_what_epsilon_is_to_the_variances(epsilon):
    network, one, (inputs, _) = NETWORKS["vgg16"], solution("vgg16", 0), data("vgg16")

    def trained(state):
        module = network.module().double()
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.eps = epsilon
        module.load_state_dict(state)
        with torch.no_grad():
            return module.train()(torch.as_tensor(inputs))

    before, some = trained(one.state), torch.tensor([0.5, 3.0], dtype=torch.float64)
    after = trained(absorbed(one.state, some, *layers(network)[0], epsilon))
    change = float((after - before).abs().max() / before.abs().max())
    assert 0 < change < 1000 * epsilon


def test_in_training_mode_permutations_are_exact():
    network, one, (inputs, _) = NETWORKS["resnet20"], solution("resnet20", 0), data("resnet20")
    for rows, columns, _, _ in groups("resnet20"):
        moved = shuffled(one.state, order(len(one.state[rows[0]]), 1), rows, columns)
        found = outputs(network, moved, inputs, training=True)
        assert close(found, outputs(network, one.state, inputs, training=True), 1e-10)
