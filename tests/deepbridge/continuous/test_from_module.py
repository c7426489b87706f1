"""Modules of the user's own: what is understood, what is refused, and that nothing of theirs changes."""

import copy
import pickle
from collections import OrderedDict

import cloudpickle
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.continuous.solutions import ContinuousSolution
from tests.deepbridge.continuous import modules
from tests.deepbridge.continuous.modules import OF_SMALL, plain
from tests.deepbridge.continuous.problems import NETWORKS, close, data, near, solution

RNG = np.random.default_rng(0)
VECTORS, IMAGES, SERIES = (RNG.standard_normal((40, *shape)) for shape in ((6,), (2, 8, 8), (4, 6)))
LABELS = RNG.integers(3, size=40)


def stack(*layers):
    return nn.Sequential(*layers)


def conv(*behind):
    return stack(nn.Conv2d(2, 4, 3), *behind)


UNDERSTOOD = {
    "perceptron": (plain, VECTORS),
    "no bias": (lambda: plain(bias=False), VECTORS),
    "one output": (lambda: plain(n_outputs=1), VECTORS),
    "two outputs": (lambda: plain(n_outputs=2), VECTORS),
    "double": (lambda: plain().double(), VECTORS),
    "frozen": (lambda: plain().requires_grad_(False), VECTORS),
    "in training": (lambda: stack(nn.Linear(6, 5), nn.Dropout(), nn.ReLU(), nn.Linear(5, 3)).train(), VECTORS),
    "functional": (lambda: modules.Functional().train(), IMAGES),
    "methods": (modules.Methods, IMAGES),
    "in place": (modules.InPlace, IMAGES),
    "nested": (lambda: stack(stack(nn.Flatten(), nn.Linear(128, 5)), stack(nn.ReLU(True)), nn.Linear(5, 3)), IMAGES),
    "norm of inputs": (lambda: stack(nn.BatchNorm1d(6), *plain()), VECTORS),
    "norm at the end": (lambda: stack(*plain(), nn.BatchNorm1d(3)), VECTORS),
    "norm without affine": (lambda: stack(nn.Linear(6, 5), nn.BatchNorm1d(5, affine=False), *plain(5)[1:]), VECTORS),
    "two norms": (lambda: stack(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.BatchNorm1d(5), *plain(5)[1:]), VECTORS),
    "norm behind ReLU": (lambda: stack(nn.Linear(6, 5), nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 3)), VECTORS),
    "norm behind Flatten": (
        lambda: conv(nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(144), nn.Linear(144, 3)),
        IMAGES,
    ),
    "conv at the end": (lambda: conv(nn.ReLU(), nn.Conv2d(4, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), IMAGES),
    "pools": (lambda: conv(nn.MaxPool2d(2), nn.LeakyReLU(0.3), nn.AvgPool2d(3), nn.Flatten(), nn.Linear(4, 3)), IMAGES),
    "one dimension": (
        lambda: stack(nn.Conv1d(4, 5, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(10, 3)),
        SERIES,
    ),
    "one unit": (lambda: stack(nn.Linear(6, 1), nn.ReLU(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 3)), VECTORS),
    "no hidden layer": (lambda: stack(nn.Linear(6, 3)), VECTORS),
    "strange names": (
        lambda: nn.Sequential(
            OrderedDict(
                weight=nn.Linear(6, 5),
                running_var=nn.BatchNorm1d(5),
                r=nn.ReLU(),
                bias=nn.Linear(5, 4),
                s=nn.ReLU(),
                num_batches_tracked=nn.Linear(4, 3),
            )
        ),
        VECTORS,
    ),
}


def own_errors(module, inputs, labels):
    module = copy.deepcopy(module).eval()
    with torch.no_grad():
        found = module(torch.as_tensor(inputs).to(next(module.parameters()).dtype))
    classes = (found[:, 0] >= 0).int() if found.shape[1] == 1 else found.argmax(1)
    return int((classes.numpy() != labels).sum())


def trained(module, inputs):
    """With statistics that are not those of a new module."""
    torch.manual_seed(1)
    with torch.no_grad():
        copied = copy.deepcopy(module).train()
        copied(torch.as_tensor(inputs).to(next(module.parameters()).dtype))
        module.load_state_dict(copied.state_dict())
    return module


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_modules_that_are_understood(name):
    torch.manual_seed(0)
    make, inputs = UNDERSTOOD[name]
    module = trained(make(), inputs)
    before, training = copy.deepcopy(module.state_dict()), module.training
    one = db.from_module(module, inputs[:3])
    there = inputs, LABELS % max(2, one.network.n_outputs)
    assert one.error_count(there) == own_errors(module, *there)
    assert module.training == training
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    back = one.to_module()
    assert {key: t.dtype for key, t in back.state_dict().items()} == {key: t.dtype for key, t in before.items()}
    module.load_state_dict(back.state_dict())
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())
    normal = db.normalize(one)
    if one.network.last_layer:
        assert normal.error_count(there) == one.error_count(there)
    else:
        assert close(normal.outputs(inputs), one.outputs(inputs), 1e-4)
    other = near(one, 1, 0.3)
    for method in ("greedy", "coordinate", "activations"):
        match = db.align(other, one, method, there, restarts=2)
        assert close(match.solution.outputs(inputs), other.outputs(inputs), 1e-4)
    for kind in ("linear", "geodesic"):
        path = db.path(one, other, there, kind, 3, reestimate=False)
        for t, loss in zip(path.ts, path.losses, strict=True):
            assert path.solution(t).loss(there) == pytest.approx(loss, rel=1e-4)
    assert np.isfinite(db.local_energy(one, there, [0.1], 2).mean).all()
    sent = cloudpickle.loads(cloudpickle.dumps(one))
    assert sent.network == one.network
    assert np.array_equal(sent.outputs(inputs), one.outputs(inputs))


REFUSED = {
    "GELU": (lambda: stack(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)), VECTORS, "1 (GELU) is not understood"),
    "softmax": (lambda: stack(*plain(), nn.Softmax(1)), VECTORS, "3 (Softmax) is not understood"),
    "PReLU": (lambda: stack(nn.Linear(6, 5), nn.PReLU(), nn.Linear(5, 3)), VECTORS, "1 (PReLU) is not understood"),
    "residual": (modules.Residual, VECTORS, "add does not take what stands before it"),
    "twice": (modules.Twice, VECTORS, "a (Linear) is used twice"),
    "scaled": (modules.Doubled, VECTORS, "mul in forward is not understood"),
    "centred": (modules.Centred, VECTORS, "mean is a tensor of its own"),
    "branching": (modules.Branching, VECTORS, "Branching cannot be traced"),
    "LSTM": (modules.Memory, SERIES.transpose(0, 2, 1), "cells (LSTM) gives no tensor"),
    "groups": (
        lambda: stack(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(144, 3)),
        IMAGES,
        "0 (Conv2d) has groups",
    ),
    "transposed": (
        lambda: stack(nn.ConvTranspose2d(2, 2, 3), nn.Flatten(), nn.Linear(200, 3)),
        IMAGES,
        "0 (ConvTranspose2d)",
    ),
    "pool of units": (lambda: stack(nn.Linear(6, 6), nn.MaxPool1d(2), nn.Linear(3, 3)), VECTORS, "1 (MaxPool1d)"),
    "over rows": (
        lambda: stack(nn.Linear(6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(20, 3)),
        SERIES,
        "0 (Linear) has groups or inputs of another rank",
    ),
    "half of it": (
        lambda: stack(nn.Linear(6, 8), nn.Unflatten(1, (2, 4)), nn.Flatten(), nn.Linear(8, 3)),
        VECTORS,
        "1 (Unflatten)",
    ),
    "layer norm": (
        lambda: stack(nn.Linear(6, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 3)),
        VECTORS,
        "1 (LayerNorm)",
    ),
    "weight norm": (
        lambda: stack(parametrizations.weight_norm(nn.Linear(6, 5)), *plain(5)[1:]),
        VECTORS,
        "0 computes its weight",
    ),
    "no statistics": (
        lambda: stack(nn.Linear(6, 5), nn.BatchNorm1d(5, track_running_stats=False), *plain(5)[1:]),
        VECTORS,
        "1 (BatchNorm1d) has no running statistics",
    ),
    "in place": (lambda: stack(nn.ReLU(inplace=True), *plain()), VECTORS, "Sequential changes its inputs in place"),
    "single": (lambda: nn.Linear(6, 3), VECTORS, "give torch.nn.Sequential(module)"),
    "lazy": (lambda: stack(nn.LazyLinear(5), nn.ReLU(), nn.Linear(5, 3)), VECTORS, "cannot be copied"),
    "three axes": (lambda: stack(nn.Linear(6, 3)), SERIES, "not outputs (P, classes)"),
    "empty": (nn.Flatten, VECTORS, "has no parameters"),
    "other shape": (plain, IMAGES, "Sequential does not take example_input"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:.*are a new feature under heavy development")
def test_modules_that_are_refused_by_name(name):
    make, inputs, message = REFUSED[name]
    with pytest.raises(InvalidInputError) as caught:
        db.from_module(make(), inputs)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shared_pruned_and_broken_weights_are_refused():
    shared = nn.Linear(5, 5)
    with pytest.raises(InvalidInputError, match="two modules share a parameter"):
        db.from_module(stack(nn.Linear(6, 5), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(5, 3)), VECTORS)
    tied = plain(6, 6)
    tied[0] = nn.Linear(6, 5)
    tied[2].weight = nn.Parameter(tied[2].weight.detach())
    tied[0].weight = tied[2].weight
    with pytest.raises(InvalidInputError, match="two modules share a parameter"):
        db.from_module(tied, VECTORS)
    module = plain()
    prune.random_unstructured(module[0], "weight", 0.3)
    with pytest.raises(InvalidInputError, match="cannot be copied"):
        db.from_module(module, VECTORS)
    prune.remove(module[0], "weight")
    assert db.from_module(module, VECTORS).network.units.names == ("0",)
    for value in (np.nan, np.inf):
        module[2].weight.data[0, 0] = value
        with pytest.raises(InvalidInputError, match=r"2\.weight has entries that are not finite"):
            db.from_module(module, VECTORS)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (modules.Careless, "or on chance"),
        (modules.OfBatch, "outputs depend on the other inputs of a batch"),
        (modules.Overwriting, "changes its inputs in place"),
    ],
)
def test_what_no_symmetry_can_mend(module, message):
    with pytest.raises(InvalidInputError, match=message):
        db.from_module(module(), VECTORS, OF_SMALL)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (None, "example_input are not a rectangular array of numbers"),
        ("ab", "are not a rectangular array of numbers"),
        (VECTORS[0], "is not a batch"),
        (VECTORS[:0], "is not a batch"),
        (VECTORS * np.nan, "example_input is not finite"),
        (VECTORS * 1e200, "example_input is not finite"),
        (VECTORS + 1j, "are not a rectangular array of numbers"),
    ],
)
def test_example_inputs_that_are_refused(example, message):
    with pytest.raises(InvalidInputError) as caught:
        db.from_module(plain(), example)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "example",
    [
        VECTORS[:1], VECTORS.tolist(), torch.tensor(VECTORS, requires_grad=True), np.ones((2, 6), np.uint8),
        np.arange(12).reshape(2, 6), np.ones((2, 6)) > 0, VECTORS[::-2], torch.zeros(2, 6),
    ],
)  # fmt: skip
def test_example_inputs_of_any_kind(example):
    assert db.from_module(plain(), example).network.input_shape == (6,)


def test_the_example_stays_as_it_is():
    before = VECTORS.astype(np.float32)
    kept = before.copy()
    db.from_module(stack(nn.Flatten(), nn.Linear(6, 5), nn.ReLU(True), nn.Linear(5, 3)), before)
    assert np.array_equal(before, kept)


# Symmetries that are given


def test_a_symmetry_that_is_given_is_used():
    torch.manual_seed(0)
    module = modules.Centred()
    one = db.from_module(module, VECTORS, OF_SMALL)
    assert one.error_count((VECTORS, LABELS)) == own_errors(module, VECTORS, LABELS)
    assert one.network.units.names == ("a",)
    assert torch.equal(one.to_module().mean, torch.linspace(-1, 1, 6))
    assert db.normalize(one).error((VECTORS, LABELS)) == one.error((VECTORS, LABELS))


AXES = dict(OF_SMALL.axes)


@pytest.mark.parametrize(
    ("symmetry", "message"),
    [
        (db.Symmetry(AXES | {"a.bias": (None,)}), "permuting the units 'a' changes the outputs"),
        (
            db.Symmetry({"a.weight": ("a", "a"), "c.weight": (None, "a")}),
            "the first two axes, rows and columns, may have",
        ),
        (db.Symmetry({"a.weight": ("a", None)}), "units 'a' are the rows of no weight or the columns of none"),
        (db.Symmetry(AXES | {"b.weight": ("a", None)}), "there is no tensor 'b.weight'"),
        (db.Symmetry(AXES | {"a.weight": ("a",)}), "is of shape (5, 6) but has 1 names"),
        (db.Symmetry({"c.weight": ("o", "a"), "a.weight": ("a", None), "a.bias": ("a",)}), "units 'o'"),
        (db.Symmetry({"a.weight": ("a", "i"), "a.bias": ("a",), "c.weight": ("i", "a")}), "permuting the units 'i'"),
        (db.Symmetry({"a.weight": ("a", None), "a.bias": ("a",), "c.weight": ("a", None)}), "no multiple of the 3"),
        (db.Symmetry(AXES, {"c": "a"}), "batch_norms: 'c' is no BatchNorm of this module"),
        (db.Symmetry(AXES | {"mean": ("a",)}), "'mean' is of a Small, not of a Linear, Conv or BatchNorm"),
        ("units", "symmetry='units' is not a db.Symmetry, nor None"),
    ],
)
def test_wrong_symmetries_are_refused(symmetry, message):
    with pytest.raises(InvalidInputError) as caught:
        db.from_module(modules.Small(), VECTORS, symmetry)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "axes and batch_norms are dicts"),
        (({}, None), "axes and batch_norms are dicts"),
        (({"a.weight": "ab"},), "is not a name with a tuple of names or None"),
        (({"a.weight": (1, None)},), "is not a name with a tuple of names or None"),
        (({3: ("a",)},), "is not a name with a tuple of names or None"),
    ],
)
def test_what_is_no_symmetry(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        db.Symmetry(*arguments)


def test_weights_of_zero_do_not_hide_a_wrong_symmetry():
    module = modules.Small()
    nn.init.zeros_(module.c.weight)
    nn.init.zeros_(module.c.bias)
    with pytest.raises(InvalidInputError, match="permuting the units"):
        db.from_module(module, np.zeros((2, 6)), db.Symmetry(AXES | {"a.bias": (None,)}))
    gelu = stack(nn.Linear(6, 5, bias=False), nn.GELU(), nn.Linear(5, 3))
    with pytest.raises(InvalidInputError, match="rescaling the units"):
        db.from_module(gelu, np.zeros((2, 6)), db.Symmetry({"0.weight": ("a", None), "2.weight": (None, "a")}))


def test_batch_norms_that_do_not_stand_behind_their_layer_are_refused():
    module = stack(nn.Linear(6, 5), nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3))
    axes = {"0.weight": ("a", None), "0.bias": ("a",), "2.weight": ("a",), "3.weight": ("b", "a"), "3.bias": ("b",)}
    axes |= {"5.weight": (None, "b")}
    assert db.from_module(module, VECTORS, db.Symmetry(axes, {"2": "0"})).network.units.sizes == {"a": 5, "b": 5}
    with pytest.raises(InvalidInputError, match="rescaling the units 'a' changes"):
        db.from_module(module, VECTORS, db.Symmetry(axes, {"2": "3"}))
    with pytest.raises(InvalidInputError, match=r"'2' stands behind .'nothing',., which are not layers"):
        db.from_module(module, VECTORS, db.Symmetry(axes, {"2": "nothing"}))


# Equality, files, other processes


def test_networks_are_equal_if_their_modules_compute_alike():
    def slope(value):
        return stack(nn.Linear(6, 5), Sloped(value), nn.Linear(5, 3))

    axes = db.Symmetry({"0.weight": ("a", None), "0.bias": ("a",), "2.weight": (None, "a")})
    one, same, other = (db.from_module(slope(value), VECTORS, axes) for value in (0.1, 0.1, 0.9))
    assert one.network == same.network
    assert hash(one.network) == hash(same.network)
    assert one.network != other.network
    with pytest.raises(InvalidInputError, match="different networks"):
        db.path(one, other, (VECTORS, LABELS))
    assert np.isfinite(db.distance(one, same))
    assert one.network != NETWORKS["mlp"]
    buffers = modules.Centred()
    buffers.mean += 1  # a tensor of the state, not of the network
    assert (
        db.from_module(buffers, VECTORS, OF_SMALL).network
        == db.from_module(modules.Centred(), VECTORS, OF_SMALL).network
    )


class Sloped(nn.Module):
    """LeakyReLU whose slope no repr tells."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def forward(self, x):
        return nn.functional.leaky_relu(x, self.slope)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_in_pickles_are_small_and_equal(name):
    one = solution(name, 0)
    one.error(data(name))
    db.normalize(one)
    assert len(pickle.dumps(one.network)) < 200
    assert pickle.loads(pickle.dumps(one.network)) == one.network
    other = pickle.loads(pickle.dumps(one))
    assert np.array_equal(other.flat, one.flat)
    assert other.error(data(name)) == one.error(data(name))
    assert copy.deepcopy(one.network) == one.network


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_solutions_are_modules_and_back(dtype):
    for name, network in NETWORKS.items():
        one = solution(name, 0, dtype)
        module = one.to_module()
        assert not module.training
        assert all(torch.equal(one.state[key], tensor) for key, tensor in module.state_dict().items())
        again = ContinuousSolution(network, dict(module.state_dict()))
        assert np.array_equal(again.flat, one.flat)
        before = one.flat
        for tensor in one.to_module().parameters():  # it has weights of its own
            tensor.data.zero_()
        assert np.array_equal(one.flat, before)


def test_random_numbers_of_the_user_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    one = solution("mlp", 0)
    torch.manual_seed(3)
    one.to_module()
    db.normalize(one)
    db.path(one, near(one, 1, 0.1), data("mlp"), points=3)
    db.local_energy(one, data("mlp"), [0.1], 2)
    one.network.initial(0)
    assert torch.equal(torch.rand(3), expected)


def test_parameters_that_do_not_require_gradients_are_not_trained():
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    module[0].weight.requires_grad_(False)
    rng = np.random.default_rng(0)
    there = rng.standard_normal((40, 6)), rng.integers(3, size=40)
    one = db.from_module(module, there[0])
    rsgd = db.continuous.RSGD(epochs=2, learning_rate=0.1, replicas=3, batch_size=10)
    for algorithm in (db.continuous.SGD(epochs=2, batch_size=10), rsgd, db.EntropySGD(epochs=2, batch_size=10)):
        found = db.fit(one.network, there, algorithm, seed=1, progress=False)
        same = {name for name in found.state if torch.equal(found.state[name], one.state[name])}
        assert same == {"0.weight"}  # those drawn for the start are the module's too
    begun = db.fit(one.network, there, db.continuous.SGD(epochs=1), 0, one, progress=False)
    assert torch.equal(begun.state["0.weight"], one.state["0.weight"])
    assert {name for name, tensor in begun.to_module().named_parameters() if not tensor.requires_grad} == {"0.weight"}
    still = db.from_module(module.requires_grad_(False), there[0])
    with pytest.raises(InvalidInputError, match="requires gradients"):
        db.fit(still.network, there, db.continuous.SGD(epochs=1), 0, progress=False)
    assert still.error(there) == one.error(there)


def test_constants_of_a_module_are_kept_to_the_last_bit_and_known_to_checkpoints(tmp_path):
    rng = np.random.default_rng(0)
    there = rng.standard_normal((40, 6)), rng.integers(3, size=40)
    first = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    first[0].requires_grad_(False)
    second = copy.deepcopy(first)
    nn.init.normal_(second[0].weight)
    sgd, at = db.continuous.SGD(epochs=2), tmp_path / "checkpoint"
    options = {"dtype": "float64", "progress": False}
    network = db.from_module(first, there[0]).network
    found = db.fit(network, there, sgd, 0, checkpoint=at, **options)
    assert torch.equal(found.state["0.weight"], first[0].weight)
    with pytest.raises(InvalidInputError, match="other constants"):
        db.fit(db.from_module(second, there[0]).network, there, sgd, 0, checkpoint=at, **options)


def test_what_is_trained_must_reach_the_outputs():
    rng = np.random.default_rng(0)
    there = rng.standard_normal((40, 6)), rng.integers(3, size=40)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).requires_grad_(False)
    net.register_parameter("unused", nn.Parameter(torch.ones(1)))
    one = db.from_module(net, there[0], db.Symmetry({}))
    with pytest.raises(InvalidInputError, match="do not depend"):
        db.fit(one.network, there, db.continuous.SGD(epochs=1), 0, one, progress=False)


def test_integer_parameters_and_shared_buffers_are_refused():
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    net.register_parameter("k", nn.Parameter(torch.ones(1, dtype=torch.int64), requires_grad=False))
    with pytest.raises(InvalidInputError, match=r"k is a parameter of type torch\.int64"):
        db.from_module(net, np.ones((2, 6)), db.Symmetry({}))
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    for layer in (net[0], net[2]):
        layer.register_buffer("scale", net[0].scale if layer is net[2] else torch.ones(1))
    with pytest.raises(InvalidInputError, match="two modules share a buffer"):
        db.from_module(net, np.ones((2, 6)))
