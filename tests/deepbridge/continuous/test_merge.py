"""One network from several: means, spheres, and corrections of statistics and pre-activations."""

import numpy as np
import pytest
import torch
from torch import nn

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.common.devices import as_device
from deepbridge.continuous.examples import as_examples
from deepbridge.continuous.merging import moments
from tests.deepbridge.continuous.problems import EVERY, NETWORKS, close, data, disguised, mlp_layers, near, solution
from tests.naive import continuous as naive

METHODS = ["greedy", "coordinate", "activations"]


@pytest.mark.parametrize("kind", ["linear", "geodesic"])
@pytest.mark.parametrize("name", EVERY)
def test_disguises_of_one_network_merge_into_it(name, kind):
    one, there = solution(name, 0), data(name)
    copies = [db.normalize(disguised(name, one, k)) for k in range(2)]
    for method in METHODS if name in ("mlp", "lenet") else METHODS[:1]:
        merged = db.merge(copies, method, kind=kind, data=there if method == "activations" else None)
        assert db.distance(merged, db.align(copies[0], merged).solution) < 1e-6
        assert close(merged.outputs(there[0]), copies[0].outputs(there[0]), 1e-6)


def test_without_alignment_a_merge_is_the_mean_of_all_tensors():
    some = [solution("vgg16", k) for k in range(3)]
    merged = db.merge(some, None)
    assert merged.flat == pytest.approx(np.mean([one.flat for one in some], axis=0))
    for key, tensor in merged.state.items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, sum(one.state[key] for one in some) / 3)
        else:
            assert torch.equal(tensor, some[0].state[key])
    assert merged.algorithm is merged.history is None
    assert db.merge(some, None, data=data("vgg16", 0, 30)).state.keys() == merged.state.keys()


@pytest.mark.parametrize("name", EVERY)
def test_two_on_spheres_merge_in_the_middle_of_the_geodesic(name):
    a, b = solution(name, 0), solution(name, 1)
    merged, middle = db.merge([a, b], None, kind="geodesic"), db.interpolate(a, b, 0.5, "geodesic")
    assert all(torch.allclose(merged.state[k].double(), middle.state[k].double(), 1e-9, 1e-12) for k in merged.state)


def test_three_on_spheres_have_unit_norms():
    merged = db.merge([solution("mlp", k) for k in range(3)], None, kind="geodesic")
    assert torch.allclose(merged.state["1.weight"].norm(dim=1), torch.ones(5, dtype=torch.float64))
    assert float(merged.state["5.weight"].norm()) == pytest.approx(3**0.5)


def test_rows_that_cancel_stay_at_zero():
    one = db.normalize(solution("mlp", 0))
    state = {key: tensor.clone() for key, tensor in one.state.items()}
    state["1.weight"][0] *= -1
    merged = db.merge([one, one.at(state)], None, kind="geodesic")
    assert merged.state["1.weight"][0].abs().max() == 0
    assert np.isfinite(merged.flat).all()


@pytest.mark.parametrize("name", ["vgg16", "resnet20"])
def test_statistics_are_those_of_the_data_by_default(name):
    some, there = [solution(name, 0), near(solution(name, 0), 1, 0.1)], data(name, 0, 30)
    plain = db.merge(some, None)
    for correct in (None, "statistics"):
        merged = db.merge(some, None, data=there, correct=correct)
        assert np.array_equal(merged.flat, plain.flat)
        expected = plain.with_statistics(there)
        assert all(torch.equal(merged.state[key], expected.state[key]) for key in expected.state)
    assert not close(merged.outputs(there[0]), plain.outputs(there[0]), 1e-3)


def hidden(layers, x):
    """Pre-activations of all hidden layers."""
    return [naive.outputs(layers[: k + 1], x) for k in range(len(layers) - 1)]


def test_repaired_units_have_the_means_and_deviations_of_their_parents():
    some, there = [solution("mlp", k) for k in range(3)], data("mlp", 0, 700)
    merged = db.merge(some, None, data=there, correct="repair")
    of_parents = [hidden(mlp_layers(one), there[0]) for one in some]
    for k, found in enumerate(hidden(mlp_layers(merged), there[0])):
        for moment in (np.mean, np.std):
            wanted = np.mean([moment(parent[k], axis=0) for parent in of_parents], axis=0)
            assert moment(found, axis=0) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert np.array_equal(mlp_layers(merged)[-1][0], mlp_layers(db.merge(some, None))[-1][0])


def test_filters_are_repaired_over_all_positions():
    some, there = [solution("lenet", k) for k in range(2)], data("lenet", 0, 300)
    merged = db.merge(some, None, data=there, correct="repair")
    network, examples = NETWORKS["lenet"], as_examples(NETWORKS["lenet"], there)
    with torch.no_grad():
        for layer in ("0", "3", "7"):
            of_each = []
            for one in (*some, merged):
                module = one.to_module()
                given = []
                module.get_submodule(layer).register_forward_hook(lambda m, i, o, given=given: given.append(o))
                module(examples.inputs)
                rows = given[0].transpose(0, 1).flatten(1)
                of_each.append((rows.mean(1), rows.std(1, correction=0)))
                ours = moments(network, one.state, examples, [layer])[layer]
                assert torch.allclose(ours[0], rows.mean(1))
                assert torch.allclose(ours[1], rows.std(1, correction=0))
            for k in (0, 1):
                assert torch.allclose(of_each[2][k], (of_each[0][k] + of_each[1][k]) / 2, 1e-9, 1e-9)


def test_units_that_are_constant_on_the_data_are_not_blown_up():
    """Their deviation is rounding: the input that they read is always the same."""
    some, (inputs, labels) = [solution("mlp", k) for k in range(2)], data("mlp", 0, 300)
    inputs[:] = inputs[0]
    merged = db.merge(some, None, data=(inputs, labels), correct="repair")
    plain = db.merge(some, None)
    for key in ("1.weight", "3.weight"):
        assert torch.equal(merged.state[key], plain.state[key])
    given = hidden(mlp_layers(merged), inputs)
    for k in range(2):
        assert given[k] == pytest.approx(np.mean([hidden(mlp_layers(one), inputs)[k] for one in some], axis=0))


def test_repair_mends_a_merge_of_unrelated_networks():
    """Averages of many random units hardly vary; that is what REPAIR is about."""
    network = db.MLP(20, (60, 60), 5)
    some, there = [solution(network, k) for k in range(4)], data(network, 0, 300)
    plain, repaired = (db.merge(some, None, data=there, correct=correct) for correct in (None, "repair"))
    deviations = [hidden(mlp_layers(one), there[0])[1].std(0).mean() for one in (plain, repaired, some[0])]
    assert deviations[0] < 0.5 * deviations[2]
    assert deviations[1] == pytest.approx(deviations[2], rel=0.2)


def test_a_seed_decides_the_alignment():
    some = [solution("mlp", k) for k in range(3)]
    assert np.array_equal(db.merge(some, seed=4).flat, db.merge(some, seed=4).flat)


def test_single_precision_stays():
    merged = db.merge([solution("lenet", k, torch.float32) for k in range(2)], kind="geodesic")
    assert merged.dtype == torch.float32
    assert as_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: db.merge([]), "solutions=[] is not a list of solutions"),
        (lambda a: db.merge(a), "is not a list of solutions"),
        (lambda a: db.merge([a]), "is not a list of at least 2"),
        (lambda a: db.merge([a, "b"]), "'b' given where a solution"),
        (lambda a: db.merge([a, solution("binary", 0)]), "the solutions are of different networks"),
        (lambda a: db.merge([a, a], "best"), "align='best' is not one of"),
        (lambda a: db.merge([a, a], kind="curved"), "kind='curved' is not one of"),
        (lambda a: db.merge([a, a], correct="all"), "correct='all' is not one of"),
        (lambda a: db.merge([a, a], correct="repair"), "give data="),
        (lambda a: db.merge([a, a], "activations"), "give data="),
        (
            lambda a: db.merge([solution("vgg16", 0)] * 2, data=data("vgg16"), correct="repair"),
            "is for layers with bias and without batch-norm",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError) as caught:
        call(solution("mlp", 0))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_layers_without_bias_cannot_be_repaired():
    net = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 3))
    there = np.random.default_rng(0).standard_normal((20, 6)), np.zeros(20, int)
    one = db.from_module(net, there[0])
    with pytest.raises(InvalidInputError, match="is for layers with bias"):
        db.merge([one, one], data=there, correct="repair")
