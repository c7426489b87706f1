"""Errors and losses of rows of networks, whose first layers are combined, against one module after the other."""

import copy
import threading
import types

import numpy as np
import pytest
import torch
from torch import nn

import deepbridge as db
from binland.errors import InvalidInputError
from deepbridge.common.devices import as_device
from deepbridge.continuous import evaluation
from deepbridge.continuous.evaluation import States, scores
from deepbridge.continuous.examples import as_examples
from tests.deepbridge.continuous import modules
from tests.deepbridge.continuous.problems import EVERY, NETWORKS, blobs, close, data, mlp_layers, near, solution
from tests.naive import continuous as naive

CPU = as_device("cpu")


def alone(one, there):
    """(errors, loss) of one module on all data at once."""
    inputs, labels = torch.as_tensor(there[0]).to(one.dtype), torch.as_tensor(there[1])
    with torch.no_grad():
        found = one.to_module()(inputs)
    if found.shape[1] == 1:
        loss = nn.functional.binary_cross_entropy_with_logits(found[:, 0], labels.to(found))
        return int(((found[:, 0] >= 0) != (labels == 1)).sum()), float(loss)
    return int((found.argmax(1) != labels).sum()), float(nn.functional.cross_entropy(found, labels))


def re_estimated(one, inputs, batches):
    """The twin of batch-norm statistics: a module that sees the data once, in training mode."""
    module = one.to_module()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.train()
            norm.reset_running_stats()
            norm.momentum = None
    with torch.no_grad():
        for batch in torch.as_tensor(inputs).to(one.dtype).tensor_split(batches):
            module(batch)
    return one.at({name: tensor.clone() for name, tensor in module.state_dict().items()})


def check(path, there, solutions):
    for k, one in enumerate(solutions):
        errors, loss = alone(one, there)
        assert path.error_counts[k] == errors
        assert path.losses[k] == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("kind", ["linear", "geodesic"])
@pytest.mark.parametrize("name", EVERY)
def test_points_of_a_line_are_the_networks_there(name, kind):
    a, b, there = solution(name, 0), solution(name, 1), data(name, 0, 30)
    path = db.path(a, b, there, kind, 5, reestimate=False, beyond=0.25)
    assert path.ts.tolist() == [-0.25, 0, 0.25, 0.5, 0.75, 1, 1.25]
    check(path, there, [db.interpolate(a, b, t, kind) for t in path.ts])
    check(path, there, [path.solution(t) for t in path.ts])


@pytest.mark.parametrize("kind", ["linear", "geodesic"])
@pytest.mark.parametrize("name", ["vgg16", "resnet20"])
def test_statistics_are_those_of_the_data_at_every_point_between_the_ends(name, kind):
    a, b, there = solution(name, 0), near(solution(name, 0), 1, 0.1), data(name, 0, 30)
    path = db.path(a, b, there, kind, 4)
    line = [db.interpolate(a, b, t, kind) for t in path.ts]
    check(path, there, [line[0], *(re_estimated(one, there[0], 1) for one in line[1:3]), line[3]])
    assert not np.allclose(path.losses[1:3], db.path(a, b, there, kind, 4, reestimate=False).losses[1:3])


def test_statistics_are_means_over_batches_of_about_a_thousand():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))
    rng = np.random.default_rng(0)
    for count, batches in ((2, 1), (1000, 1), (1001, 2), (2500, 3)):
        there = rng.standard_normal((count, 6)), rng.integers(3, size=count)
        one = db.from_module(net.double(), there[0])
        found, twin = one.with_statistics(there), re_estimated(one, there[0], batches)
        assert all(torch.equal(found.state[key], twin.state[key]) for key in found.state)
        assert torch.equal(one.state["1.running_mean"], torch.zeros(5, dtype=torch.float64))


def test_statistics_need_more_than_one_pattern():
    net = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    one = db.from_module(net, np.ones((2, 6)))
    with pytest.raises(InvalidInputError, match="data of 1 patterns have no batch-norm statistics"):
        one.with_statistics((np.ones((1, 6)), [0]))
    image = np.random.default_rng(0).standard_normal((1, 3, 8, 8))
    assert np.isfinite(solution("vgg16", 0).network.n_weights)
    with pytest.raises(InvalidInputError, match="no batch-norm statistics"):
        solution("vgg16", 0).with_statistics((image, [0]))  # whose last images are of one pixel


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("name", ["mlp", "lenet", "vgg16"])
def test_points_of_a_plane_are_the_networks_there(name, statistics):
    one = solution(name, 0)
    three, there = (one, near(one, 1, 0.3), near(one, 2, 0.3)), data(name, 0, 30)
    plane = db.plane(*three, there, 3, 0.5, reestimate=statistics)
    flat = [solution.flat for solution in three]
    side = flat[1] - flat[0]
    e1 = side / np.linalg.norm(side)
    rest = flat[2] - flat[0] - ((flat[2] - flat[0]) @ e1) * e1
    e2 = rest / np.linalg.norm(rest)
    for i, x in enumerate(plane.x):
        for j, y in enumerate(plane.y):
            shares = np.linalg.lstsq(np.stack(flat).T, flat[0] + x * e1 + y * e2, rcond=None)[0]
            inside = shares.clip(0) / shares.clip(0).sum()
            state = {
                key: sum(s * o.state[key] for s, o in zip(inside if "running" in key else shares, three, strict=True))
                if tensor.is_floating_point()
                else tensor
                for key, tensor in one.state.items()
            }
            here = one.at(state)
            assert np.allclose(here.flat, flat[0] + x * e1 + y * e2)
            errors, loss = alone(re_estimated(here, there[0], 1) if statistics else here, there)
            assert plane.losses[j, i] == pytest.approx(loss, rel=1e-6)
            assert plane.errors[j, i] == errors / 30


def test_perceptrons_against_plain_numpy():
    for name in ("mlp", "binary"):
        a, b, there = solution(name, 0), solution(name, 1), data(name, 0, 50)
        path = db.path(a, b, there, "geodesic", 6)
        layers = [naive.normalized(mlp_layers(one)) for one in (a, b)]
        for t, count, loss in zip(path.ts[1:-1], path.error_counts[1:-1], path.losses[1:-1], strict=True):
            here = naive.on_geodesic(*layers, t)
            assert count == naive.errors(here, *there)
            assert loss == pytest.approx(naive.loss(here, *there), rel=1e-9)
        assert a.error_count(there) == naive.errors(mlp_layers(a), *there)
        assert a.loss(there) == pytest.approx(naive.loss(mlp_layers(a), *there))


@pytest.mark.parametrize("name", ["mlp", "binary", "lenet", "vgg16"])
def test_the_first_layer_is_computed_for_the_ends_alone(name, monkeypatch):
    a, b, there = solution(name, 0), solution(name, 1), data(name)
    calls = []
    whole = evaluation._Runner._run_whole
    monkeypatch.setattr(evaluation._Runner, "_run_whole", lambda *given: calls.append(1) or whole(*given))
    db.path(a, b, there, "geodesic", 9, reestimate=False)
    assert calls == []
    db.path(a, b, there, "linear", 9, reestimate=False)
    assert calls == []


@pytest.mark.parametrize(
    ("module", "symmetry", "entrance"),
    [
        (modules.Small, modules.OF_SMALL, "a"),
        (modules.Summed, modules.OF_SUMMED, "b"),
        (modules.Skipped, modules.OF_SMALL, "a"),
        (modules.Doubled, modules.OF_SMALL, ""),
        (modules.Centred, modules.OF_SMALL, ""),
        (modules.Rectified, modules.OF_SMALL, ""),
        (modules.Folded, modules.OF_SMALL, ""),
        (modules.Seen, modules.OF_SMALL, ""),
        (modules.Twice, db.Symmetry({}), ""),
        (modules.Last, modules.OF_SMALL, ""),
        (lambda: nn.Sequential(nn.ReLU(), *modules.plain()), None, ""),
        (lambda: nn.Sequential(nn.LeakyReLU(), *modules.plain()), None, ""),
        (lambda: nn.Sequential(nn.BatchNorm1d(6), *modules.plain()), None, ""),
        (lambda: nn.Sequential(nn.Identity(), nn.Dropout(), *modules.plain()), None, "2"),
    ],
)
def test_a_layer_that_does_not_read_the_inputs_as_they_are_is_no_entrance(module, symmetry, entrance):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    there = rng.standard_normal((30, 4, 6) if module is modules.Last else (30, 6)), rng.integers(3, size=30)
    a = db.from_module(module().double(), there[0], symmetry)
    b = near(a, 1, 0.5)
    assert a.network.entrance == entrance
    for kind in ("linear", "geodesic"):
        if kind == "linear" or module is not modules.Twice:
            path = db.path(a, b, there, kind, 5, reestimate=False)
            check(path, there, [path.solution(t) for t in path.ts])
    third = near(a, 2, 0.5)
    plane = db.plane(a, b, third, there, 2, 0.0, reestimate=False)
    assert plane.corner_errors.tolist() == [alone(one, there)[0] / 30 for one in (a, b, third)]


def test_weights_of_zero_do_not_hide_that_a_layer_is_used_again():
    module = modules.Twice()
    for layer in (module.a, module.c):
        nn.init.zeros_(layer.weight)
    assert db.from_module(module, np.ones((2, 6)), db.Symmetry({})).network.entrance == ""


@pytest.mark.parametrize("name", ["mlp", "lenet", "vgg16"])
def test_results_do_not_depend_on_how_data_are_cut(name, monkeypatch):
    a, b, there = solution(name, 0), solution(name, 1), data(name, 0, 37)
    expected = db.path(a, b, there, "geodesic", 5)
    for chunk, page in ((1, 1), (NETWORKS[name].widest * 10, 2**11), (2**40, 2**40)):
        monkeypatch.setattr(evaluation, "CHUNK", chunk)
        monkeypatch.setattr(evaluation, "FEWEST", 1)
        monkeypatch.setattr(evaluation, "PAGE", page)
        found = db.path(a, b, there, "geodesic", 5)
        assert np.array_equal(found.error_counts, expected.error_counts)
        assert np.allclose(found.losses, expected.losses, rtol=1e-12)
        assert a.loss(there) == pytest.approx(expected_loss := alone(a, there)[1], rel=1e-12)
        assert close(a.outputs(there[0]), a.to_module()(torch.as_tensor(there[0])).detach(), 1e-12)
        assert expected_loss > 0


def test_float32_is_counted_in_float32():
    a, b, there = (solution("lenet", 0, torch.float32), solution("lenet", 1, torch.float32), data("lenet", 0, 30))
    path = db.path(a, b, there, "geodesic", 5)
    for k in (0, 4):  # ends are not combined
        assert path.error_counts[k] == alone(path.solution(path.ts[k]), there)[0]
    for t, loss in zip(path.ts, path.losses, strict=True):
        assert alone(path.solution(t), there)[1] == pytest.approx(loss, rel=1e-4)


def test_of_equal_outputs_the_first_counts_and_a_zero_is_positive():
    zeros = {key: torch.zeros_like(tensor) for key, tensor in solution("mlp", 0).state.items()}
    assert solution("mlp", 0).at(zeros).error_count((np.ones((4, 7)), [0, 0, 1, 2])) == 2
    zeros = {key: torch.zeros_like(tensor) for key, tensor in solution("binary", 0).state.items()}
    assert solution("binary", 0).at(zeros).error_count((np.ones((4, 6)), [-1, 1, 1, 1])) == 1


def test_rows_of_unrelated_networks():
    some, there = [solution("mlp", seed) for seed in range(3)], data("mlp", 0, 30)
    examples = as_examples(some[0].network, there).to(CPU, torch.float64)
    found = scores(some[0].network, States([one.state for one in some]), examples, CPU)
    assert found.errors.tolist() == [alone(one, there)[0] for one in some]
    assert found.losses == pytest.approx([alone(one, there)[1] for one in some])


def test_threads_do_not_disturb_each_other():
    network = db.MLP(8, (12, 10), 3)
    some, there = [solution(network, seed) for seed in range(3)], blobs(n_patterns=600)

    def results(one):
        match = db.align(one, some[0], "activations", there)
        repaired = db.merge([some[0], one], None, data=there, correct="repair")
        path = db.path(db.normalize(one), some[0], there, points=3)
        return [*match.permutation, repaired.flat, path.losses, one.outputs(there[0])]

    expected, wrong = [results(one) for one in some], []
    network.__dict__.clear()
    network.__dict__.update(n_inputs=8, hidden=(12, 10), n_outputs=3)  # nothing is known of it any more

    def work(k):
        for _ in range(4):
            try:
                if not all(map(np.array_equal, results(some[k]), expected[k])):
                    wrong.append("other numbers")
            except Exception as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_templates_stay_as_they_are_also_behind_an_error():
    one, there = solution("vgg16", 0), data("vgg16")
    before = copy.deepcopy(one.network.template.state_dict())
    db.align(one, near(one, 0, 0.1), "activations", there)
    db.path(one, near(one, 0, 0.1), there, points=3)
    with pytest.raises(RuntimeError):
        evaluation.outputs_of(one.network, one.state, torch.ones(2, 5, dtype=torch.float64))
    after = one.network.template.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    for module in one.network.template.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module.training


class Kept(nn.Module):
    """Uses what a layer gives before the ReLU, too, though both are in a Sequential."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))

    def forward(self, x):
        before = self.inner[0](x)
        return self.inner[2](self.inner[1](before)) + before


def test_outputs_of_layers_are_overwritten_only_where_nobody_else_can_see_them():
    twice = nn.ReLU()
    chain = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Sequential(nn.Linear(6, 6), twice, nn.Linear(6, 6), twice))
    assert evaluation.hidden_relus(chain) == [chain[1]]
    assert evaluation.hidden_relus(nn.Sequential(nn.ReLU(), nn.Flatten(), nn.ReLU())) == []
    inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), Kept(), nn.ReLU(), nn.Sequential(nn.Linear(6, 3), nn.ReLU()))
    assert evaluation.hidden_relus(inner) == [inner[4][1], inner[1]]
    there = np.random.default_rng(0).standard_normal((20, 6)), np.arange(20) % 3
    for module, symmetry in ((chain, None), (Kept(), db.Symmetry({})), (inner, db.Symmetry({}))):
        one = db.from_module(module.double(), there[0], symmetry)
        assert one.loss(there) == pytest.approx(alone(one, there)[1], rel=1e-12)
        assert one.error_count(there) == alone(one, there)[0]


class Halved(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, self.weight / 2, 0.1 * self.bias)


class Tap(nn.Linear):
    def forward(self, x):
        self.before = super().forward(x)
        return self.before


class Added(nn.Module):
    def __init__(self, tap):
        super().__init__()
        self.taps = [tap]

    def forward(self, x):
        return x + self.taps[0].before


def with_hook(hook, at):
    net = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    net[at].register_forward_hook(hook)
    return net


def with_own_forward():
    net = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, x):
        before = self[0](x)
        return self[2](self[1](before) + before / 2)

    net.forward = types.MethodType(forward, net)
    return net


def with_tap():
    tap = Tap(6, 6)
    return nn.Sequential(tap, nn.ReLU(), Added(tap), nn.Linear(6, 3))


class Patches(nn.Module):
    """The first layer runs over parts of an input."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.b(torch.relu(self.a(x.reshape(-1, 2))).reshape(-1, 3, 4).mean(1))


class ByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.b(input=torch.relu(self.a(input=x)))


class SameMemory(nn.Module):
    """Writes its outputs where the last ones were."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.kept = nn.Linear(6, 600), nn.Linear(600, 3), None

    def forward(self, x):
        found = self.b(torch.relu(self.a(x)))
        if self.kept is None or self.kept.shape != found.shape or self.kept.dtype != found.dtype:
            self.kept = torch.empty_like(found)
        self.kept.copy_(found)
        return self.kept


class Counting(nn.Module):
    """Notes in a buffer what it saw."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 3)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        self.seen += len(x)
        return self.a(x)


ODD = {
    "subclass": lambda: nn.Sequential(Halved(6, 6), nn.ReLU(), nn.Linear(6, 3)),
    "hook of the first layer": lambda: with_hook(lambda module, inputs, output: output.relu(), 0),
    "hook that sees inputs": lambda: with_hook(lambda module, inputs, output: output + inputs[0] / 2, 1),
    "own forward": with_own_forward,
    "kept output": with_tap,
    "patches": Patches,
    "by name": ByName,
    "parametrized first": lambda: nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(6, 6)), nn.ReLU(), nn.Linear(6, 3)
    ),
    "parametrized last": lambda: nn.Sequential(
        nn.Linear(6, 6), nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(6, 3))
    ),
    "same memory": SameMemory,
    "counting": Counting,
}


@pytest.mark.parametrize("name", ODD)
def test_modules_that_do_more_than_their_layers_say(name):
    torch.manual_seed(1)
    rng = np.random.default_rng(0)
    there = rng.standard_normal((600, 6)), rng.integers(3, size=600)
    module = ODD[name]()
    a = db.from_module(module, there[0].astype(np.float32), db.Symmetry({}))
    with torch.no_grad():
        expected = module(torch.as_tensor(there[0], dtype=torch.float32)).clone().numpy()
    assert np.allclose(a.outputs(there[0]), expected, atol=1e-5)
    state = {key: tensor.clone() for key, tensor in a.state.items()}
    b = near(a, 1, 0.5)
    path = db.path(a, b, there, "linear", 3)
    assert path.losses[[0, 2]] == pytest.approx([a.loss(there), b.loss(there)], rel=1e-6)
    assert path.losses[1] == pytest.approx(path.solution(0.5).loss(there), rel=1e-6)
    assert all(torch.equal(a.state[key], tensor) for key, tensor in state.items())


def test_what_a_hook_notes_is_not_overwritten():
    noted = []
    net = with_hook(lambda module, inputs, output: noted.append(output), 0)
    db.from_module(net, np.ones((2, 6), np.float32)).outputs(np.random.default_rng(0).standard_normal((50, 6)))
    assert noted[-1].min() < 0
