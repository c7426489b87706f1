import functools
import hashlib
import io
import math
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import deepbridge as db
from binland.errors import InvalidInputError, StoreError
from binland.rng import generator
from binland.sweep.contracts.algorithm import Algorithm
from deepbridge.common import checkpoints
from deepbridge.continuous import ADV, RSGD, SGD, EntropySGD, descent, training
from deepbridge.continuous.examples import Confused, as_examples
from tests.naive import continuous_training as naive

NORMALISED = nn.Sequential(
    nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
    nn.Linear(27, 4), nn.BatchNorm1d(4, momentum=0.3), nn.ReLU(), nn.Linear(4, 3),
)  # fmt: skip
NETWORKS = {
    "mlp": db.MLP(12, (9, 5), 3),
    "two classes": db.MLP(12, (9,), 1),
    "linear": db.MLP(12, (), 3),
    "lenet": db.LeNet((1, 10, 10), (2, 3), (5,), 3, filter_size=3),
    "own": db.from_module(NORMALISED, torch.zeros(2, 1, 5, 5)).network,
    "vgg16": db.VGG16(1, (1, 8, 8), 3),
}
ALGORITHMS = {
    "SGD": SGD(epochs=4, learning_rate=0.1, batch_size=7, history_every=1),
    "RSGD": RSGD(epochs=4, batch_size=7, replicas=3, history_every=2),
    "ADV": ADV(epochs=3, pretrain_epochs=3, batch_size=7, learning_rate=0.1),
    "EntropySGD": EntropySGD(epochs=4, batch_size=7, inner_steps=3, learning_rate=0.5, noise=0.01, coupling=0.1),
}


def drawn(name, n_patterns=23):
    """A network, and a pair of arrays for it; of two classes the labels are -1 and +1."""
    network = NETWORKS[name]
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((n_patterns, *network.input_shape))
    labels = rng.integers(max(2, network.n_outputs), size=n_patterns)
    return network, (inputs, 2 * labels - 1 if network.n_outputs == 1 else labels)


def streams_of(seed, replicas=1):
    """Generators of labels, of torch's noise, and of each replica."""
    labels, noise, *orders = generator(seed, "fit").spawn(2 + replicas)
    return labels, noise, orders


def first_module(network, rng):
    """Drawn as torch draws it, in double precision."""
    state = torch.get_rng_state()
    torch.manual_seed(int(generator(rng, "initial").integers(2**63)))
    module = network.module()
    if network is NETWORKS["own"]:
        for one in module:
            getattr(one, "reset_parameters", lambda: None)()
    torch.set_rng_state(state)
    return module.double()


def as_tensors(network, data):
    labels = (data[1] + 1) // 2 if network.n_outputs == 1 else data[1]
    return torch.tensor(data[0]), torch.tensor(labels)


def orders_of(rng, n_patterns, epochs):
    return [torch.tensor(rng.permutation(n_patterns)) for _ in range(epochs)]


def assert_same(solution, module):
    """Of parameters and batch-norm statistics; thirteen batch-norms make rounding grow."""
    tolerance = 1e-9 if solution.network != NETWORKS["vgg16"] else 1e-6
    expected = module.state_dict()
    assert set(solution.state) == set(expected)
    for name, tensor in solution.state.items():
        assert tensor.dtype in (torch.float64, torch.int64)
        assert (tensor - expected[name]).abs().max() <= tolerance, name


def assert_equal(a, b):
    """To the last bit."""
    assert a.network == b.network
    assert all(torch.equal(a.state[name], b.state[name]) for name in a.state)
    assert np.array_equal(a.history, b.history, equal_nan=True)
    assert a.spread == b.spread


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"nesterov": False},
        {"momentum": 0.0, "schedule": "constant"},
        {"weight_decay": 0.05},
        {"batch_size": 100, "momentum": 0.5},
    ],
    ids=["Nesterov", "heavy ball", "plain", "decay", "one batch"],
)
def test_training_is_that_of_one_module_and_torchs_optimiser(name, settings):
    """In double precision, with a cosine for each step and a last batch of 2 patterns."""
    network, data = drawn(name)
    epochs = 2 if name == "vgg16" else 5
    algorithm = replace(ALGORITHMS["SGD"], epochs=epochs, **settings)
    a = algorithm
    _, _, [rng] = streams_of(5)
    module = first_module(network, rng)
    naive.sgd(
        module, *as_tensors(network, data), orders_of(rng, 23, epochs), a.batch_size,
        a.learning_rate, a.schedule, a.momentum, a.nesterov, a.weight_decay,
    )  # fmt: skip
    assert_same(db.fit(network, data, algorithm, 5, dtype="float64"), module)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("settings", [{}, {"coupling": 0.3, "coupling_growth": 3.0, "weight_decay": 0.01}])
def test_replicas_are_those_of_a_loop_over_modules(name, settings):
    network, data = drawn(name)
    epochs = 2 if name == "vgg16" else 4
    algorithm = replace(ALGORITHMS["RSGD"], epochs=epochs, **settings)
    a = algorithm
    _, _, rngs = streams_of(5, 3)
    modules = [first_module(network, rng) for rng in rngs]
    orders = [orders_of(rng, 23, epochs) for rng in rngs]
    centre = naive.replicated(
        modules, *as_tensors(network, data), orders, a.batch_size, a.learning_rate, a.momentum, a.weight_decay,
        a.coupling, a.coupling_growth, descent.PULL,
    )  # fmt: skip
    found = db.fit(network, data, algorithm, 5, dtype="float64")
    assert_same(found, centre)
    assert found.spread == pytest.approx(
        math.sqrt(sum(float(d.detach()) for d in naive.distances(modules)) / 3), rel=1e-6
    )


@pytest.mark.parametrize("name", ["mlp", "two classes", "lenet", "own"])
@pytest.mark.parametrize("error", [0.0, 0.6, 1.0])
def test_an_adversarial_start_learns_random_labels_of_spoilt_inputs_first(name, error):
    """Until few enough are wrong, without momentum or decay; the orders of the second phase do not depend on when."""
    network, data = drawn(name)
    settings = {"pretrain_error": error, "zeroed": 0.3, "momentum": 0.5, "weight_decay": 0.01}
    algorithm = replace(ALGORITHMS["ADV"], **settings)
    size = algorithm.batch_size
    labels, _, [rng] = streams_of(5)
    module = first_module(network, rng)
    orders = orders_of(rng, 23, 6)
    inputs, classes = as_tensors(network, data)
    zeros = torch.tensor(labels.random((23, inputs[0].numel()), dtype=np.float32) < 0.3).reshape(inputs.shape)
    random = torch.tensor(labels.integers(max(2, network.n_outputs), size=23))
    took = naive.confused(module, inputs, zeros, random, orders[:3], size, algorithm.pretrain_learning_rate, error * 23)
    assert took == {0.0: 3, 1.0: 1}.get(error, took)
    naive.sgd(module, inputs, classes, orders[3:], size, algorithm.learning_rate, "cosine", 0.5, False, 0.01)
    assert_same(db.fit(network, data, algorithm, 5, dtype="float64"), module)


@pytest.mark.parametrize("name", ["mlp", "two classes", "lenet", "own"])
@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.05, "inner_steps": 5}, {"inner_steps": 40}])
def test_entropy_sgd_is_that_of_its_authors(name, settings):
    """16 mini-batches in loops of 3, 5, and 40, of which the last is not complete."""
    network, data = drawn(name)
    algorithm = replace(ALGORITHMS["EntropySGD"], **settings)
    a = algorithm
    _, noise, [rng] = streams_of(5)
    module = first_module(network, rng)
    draws = torch.Generator().manual_seed(int(noise.integers(2**63)))
    values = {
        "L": a.inner_steps, "gamma": a.coupling, "scoping": a.coupling_step, "noise": a.noise, "momentum": a.momentum,
        "rate": a.learning_rate, "inner_rate": a.inner_learning_rate, "averaging": a.averaging, "decay": a.weight_decay,
    }  # fmt: skip

    def gaussian(shape):
        return torch.randn(shape, generator=draws, dtype=torch.float64)

    naive.entropy(module, *as_tensors(network, data), orders_of(rng, 23, 4), a.batch_size, values, gaussian)
    found = db.fit(network, data, algorithm, 5, dtype="float64")
    assert_same(found, module)
    assert (found.flat != db.fit(network, data, replace(algorithm, epochs=0), 5, dtype="float64").flat).any()


def test_one_replica_is_sgd():
    """With the same draws; its mean does not pull."""
    network, data = drawn("mlp")
    alone = db.fit(network, data, replace(ALGORITHMS["SGD"], weight_decay=0.01), 3)
    for coupling in (None, 7.0):
        settings = {"replicas": 1, "coupling": coupling, "learning_rate": 0.1, "history_every": 1}
        found = db.fit(network, data, replace(ALGORITHMS["RSGD"], weight_decay=0.01, **settings), 3)
        assert np.array_equal(found.flat, alone.flat)
        assert np.array_equal(found.history, alone.history)
        assert found.spread == 0.0


def test_replicas_begin_apart_and_end_at_one_point():
    """The first as SGD begins; gamma rises by 1e4, from where pull and loss are as large as each other."""
    network, data = drawn("mlp")
    algorithm = RSGD(epochs=30, batch_size=12, replicas=4, history_every=1)
    spreads = []
    found = db.fit(network, data, algorithm, 0, callback=lambda t: spreads.append(t.solution(0).spread))
    assert found.spread == spreads[-1] < 2e-3 * max(spreads)
    assert found.history[-1] == found.error(data)
    loose = db.fit(network, data, replace(algorithm, coupling=0.0), 0)
    assert loose.spread > 100 * found.spread
    growth = [algorithm.growth(epoch) for epoch in range(30)]
    assert growth[0] == 1
    assert np.allclose(np.diff(np.log(growth)), np.log(1e4) / 30)
    firsts = [db.fit(network, data, replace(a, epochs=0), 0).flat for a in (algorithm, ALGORITHMS["SGD"])]
    assert not np.array_equal(*firsts)
    one = replace(algorithm, epochs=0, replicas=1)
    assert np.array_equal(db.fit(network, data, one, 0).flat, firsts[1])


def test_the_first_coupling_is_loss_over_distance():
    network, data = drawn("own")
    seen = []
    algorithm = replace(ALGORITHMS["RSGD"], epochs=1, batch_size=9)
    training.fit(
        network, data, algorithm, 5, dtype="float64", callback=lambda t: seen.append(t.solution_of.__self__._rule.first)
    )
    modules = [first_module(network, rng) for rng in streams_of(5, 3)[2]]
    losses = [naive.mean_loss(module, *as_tensors(network, data)) for module in modules]
    apart = [float(d.detach()) for d in naive.distances(modules)]
    assert float(seen[0]) == pytest.approx(sum(losses) / sum(apart), rel=1e-12)


def test_replicas_that_begin_at_one_point_need_a_coupling():
    network, data = drawn("mlp")
    start = db.fit(network, data, ALGORITHMS["SGD"], 0)
    with pytest.raises(InvalidInputError, match="all begin at the start; set the coupling of RSGD"):
        db.fit(network, data, ALGORITHMS["RSGD"], 0, start)
    found = db.fit(network, data, replace(ALGORITHMS["RSGD"], coupling=1.0), 0, start)
    assert 0 < found.spread < 1
    db.fit(network, data, replace(ALGORITHMS["RSGD"], replicas=1), 0, start)


@pytest.mark.parametrize("name", ["two classes", "lenet", "own"])
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_several_runs_in_one_batch_are_the_single_runs(name, kind):
    network, data = drawn(name)
    algorithm = ALGORITHMS[kind]
    many = db.fit_many(network, data, algorithm, [0, 1, 2], dtype="float64")
    for seed, found in enumerate(many):
        alone = db.fit(network, data, algorithm, seed, dtype="float64")
        for tensor, other in zip(found.state.values(), alone.state.values(), strict=True):
            assert (tensor - other).abs().max() < 1e-8
        assert np.array_equal(found.history, alone.history, equal_nan=True)
        assert (found.spread is None) == (alone.spread is None) == (kind != "RSGD")
        assert found.algorithm == algorithm
    assert not np.array_equal(many[0].flat, many[1].flat)


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_run_that_knows_its_random_labels_waits_for_the_others(epochs):
    """They take different numbers of epochs; what happens to it meanwhile, were it to diverge, is no matter."""
    network, data = drawn("mlp", 8)
    algorithm = ADV(
        epochs=epochs, pretrain_epochs=150, batch_size=7, pretrain_learning_rate=0.5, learning_rate=0.1, zeroed=0.0
    )
    took = {}

    def learnt(t):
        for run in t.solution_of.__self__._learnt:
            took.setdefault(run, t.epoch)

    many = training.fit_many(network, data, algorithm, range(4), dtype="float64", callback=learnt)
    assert len(set(took.values())) > 2
    for seed, found in enumerate(many):
        alone = db.fit(network, data, algorithm, seed, dtype="float64")
        assert np.abs(found.flat - alone.flat).max() < 1e-8


def test_what_confuses_the_first_phase():
    """Uniform classes, and the asked share of zeros, of entries by themselves; other ones for each run."""
    network = db.MLP(50, (), 4)
    examples = as_examples(network, (np.ones((2000, 50), np.float32), np.zeros(2000, int)))
    made = Confused(examples, 4, 0.1, [np.random.default_rng(k) for k in range(2)])
    assert made._kept.shape == (2, 2000, 7)
    inputs, classes = made.batch(torch.arange(2000).expand(2, -1))
    zero = (inputs == 0).double()
    assert set(inputs.unique().tolist()) == {0, 1}
    assert abs(zero.mean() - 0.1) < 5 * 0.3 / math.sqrt(2e5)
    assert (zero.mean(1) - 0.1).abs().max() < 6 * 0.3 / math.sqrt(2000)
    assert abs((zero[0] * zero[1]).mean() - 0.01) < 0.002
    counts = torch.stack([(classes == c).sum(1) for c in range(4)])
    assert (counts - 500).abs().max() < 6 * math.sqrt(375)
    assert not torch.equal(*classes)
    part, labels = made.batch(torch.tensor([[5, 3], [0, 1]]))
    assert torch.equal(part, torch.stack([inputs[0, [5, 3]], inputs[1, [0, 1]]]))
    assert torch.equal(labels, torch.stack([classes[0, [5, 3]], classes[1, [0, 1]]]))


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_what_can_be_learnt_is_learnt(kind):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((60, 10))
    labels = (inputs[:, :3]).argmax(1)
    rate = 0.5 if kind == "EntropySGD" else 0.2 if kind == "ADV" else 0.05
    algorithm = replace(ALGORITHMS[kind], epochs=60, history_every=20, batch_size=20, learning_rate=rate)
    found = db.fit(db.MLP(10, (20,), 3), (inputs, labels), algorithm, 0)
    assert found.error((inputs, labels)) == found.history[-1] == 0
    assert np.array_equal(np.flatnonzero(~np.isnan(found.history)), [19, 39, 59])


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_same_seed_same_result_and_no_global_state(kind):
    network, data = drawn("own")
    algorithm = ALGORITHMS[kind]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, b = (db.fit(network, data, algorithm, 3) for _ in range(2))
    assert_equal(a, b)
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(a.flat, db.fit(network, data, algorithm, 4).flat)
    assert a.dtype == torch.float32
    assert a.flat.dtype == np.float32
    assert db.fit(network, data, algorithm, 3, dtype="float64").dtype == torch.float64


@pytest.mark.parametrize(
    "seed", [np.random.SeedSequence(3), np.random.default_rng(3), np.int64(3)], ids=["sequence", "generator", "int64"]
)
def test_seeds_of_every_kind(seed):
    network, data = drawn("mlp")
    found = db.fit(network, data, ALGORITHMS["SGD"], seed)
    if isinstance(seed, np.random.Generator):
        seed = np.random.default_rng(3)
    assert_equal(found, db.fit(network, data, ALGORITHMS["SGD"], seed))


class _Double:
    def __enter__(self):
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *error):
        torch.set_default_dtype(torch.float32)


AROUND = {
    "inference": torch.inference_mode,
    "no_grad": torch.no_grad,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "meta": lambda: torch.device("meta"),
    "double": _Double,
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("name", "kind"), [*(("mlp", kind) for kind in ALGORITHMS), ("lenet", "SGD")])
def test_what_torch_was_told_does_not_matter(around, name, kind):
    """The networks are new, so that nothing is kept from before."""
    known, data = drawn(name)
    algorithm = ALGORITHMS[kind]
    expected = db.fit(known, data, algorithm, 0)
    network = replace(known)
    with AROUND[around]():
        found = db.fit(network, data, algorithm, 0)
        assert found.error(data) == expected.error(data)
        if around != "meta" and kind == "SGD":
            assert_equal(db.fit(network, list(map(torch.tensor, data)), algorithm, 0), expected)
        begun = db.fit(network, data, ALGORITHMS["SGD"], 0, found)
    assert_equal(found, expected)
    assert_equal(begun, db.fit(network, data, ALGORITHMS["SGD"], 0, expected))


class _Killer:
    """Ends a training at its n-th mini-batch, as Ctrl-C might; each one once."""

    def __init__(self, monkeypatch):
        self._gradients, self.left, self.count = descent.Descent.gradients, math.inf, 0
        monkeypatch.setattr(descent.Descent, "gradients", self._called())

    def _called(self):
        def gradients(*arguments):
            self.count += 1
            if self.count > self.left:
                raise KeyboardInterrupt
            return self._gradients(*arguments)

        return gradients


@pytest.mark.parametrize(
    ("name", "kind"),
    [*(("own", kind) for kind in ALGORITHMS), ("mlp", "ADV that learns early"), ("two classes", "RSGD")],
)
def test_a_killed_training_goes_on_from_its_checkpoint(name, kind, tmp_path, monkeypatch):
    """After a few more mini-batches each time, in the middle of epochs, phases and loops; to the last bit."""
    network, data = drawn(name)
    early = replace(ALGORITHMS["ADV"], pretrain_error=0.7)
    call = functools.partial(db.fit_many, network, data, {**ALGORITHMS, "ADV that learns early": early}[kind], [0, 1])
    whole = call()
    file = tmp_path / "run.pt"
    killer = _Killer(monkeypatch)
    killed = 0
    while True:
        killer.count, killer.left = 0, 5  # an epoch has four
        try:
            resumed = call(checkpoint=file, checkpoint_seconds=0)
            break
        except KeyboardInterrupt:
            killed += 1
    assert killed >= 2
    for a, b in zip(resumed, whole, strict=True):
        assert_equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    killer.count, killer.left = 0, 0  # all is done: nothing is trained again
    for a, b in zip(call(checkpoint=file), whole, strict=True):
        assert_equal(a, b)


def test_ctrl_c_leaves_a_checkpoint(tmp_path, ctrl_c):
    network, data = drawn("mlp")
    file = tmp_path / "run.pt"
    algorithm = replace(ALGORITHMS["RSGD"], epochs=6)

    def press(t):
        if t.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        db.fit(network, data, algorithm, 0, checkpoint=file, checkpoint_seconds=0, callback=press)
    seen = []
    found = db.fit(network, data, algorithm, 0, checkpoint=file, callback=lambda t: seen.append(t.epoch))
    assert seen == [4, 5, 6]
    assert_equal(found, db.fit(network, data, algorithm, 0))


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path):
    network, data = drawn("mlp")
    file = tmp_path / "run.pt"
    algorithm = ALGORITHMS["SGD"]
    db.fit(network, data, algorithm, 0, checkpoint=file)
    start = db.fit(network, data, replace(algorithm, epochs=0), 3)
    inputs, labels = data
    for changed, what in (
        ((network, data, algorithm, 1), "seeds"),
        ((network, data, replace(algorithm, momentum=0.8), 0), "algorithm"),
        ((network, data, ALGORITHMS["EntropySGD"], 0), "algorithm"),
        ((network, data, replace(ALGORITHMS["RSGD"], replicas=1), 0), "algorithm"),
        ((network, (-inputs, labels), algorithm, 0), "data"),
        ((network, (inputs, (labels + 1) % 3), algorithm, 0), "data"),
        ((network, (inputs[:-1], labels[:-1]), algorithm, 0), "data"),
        ((network, data, algorithm, 0, start), "start"),
        ((db.MLP(12, (5, 9), 3), data, algorithm, 0), "network"),
    ):
        with pytest.raises(InvalidInputError, match=f"another training \\(other .*{what}"):
            db.fit(*changed, checkpoint=file)
    with pytest.raises(InvalidInputError, match="other dtype"):
        db.fit(network, data, algorithm, 0, checkpoint=file, dtype="float64")
    with pytest.raises(InvalidInputError, match="other seeds"):
        db.fit_many(network, data, algorithm, [0, 1], checkpoint=file)
    octets = file.read_bytes()
    places = np.random.default_rng(0).integers(len(octets), size=10)
    flipped = [octets[:k] + bytes([octets[k] ^ 1]) + octets[k + 1 :] for k in places]
    for damaged in [b"", b"nonsense", octets[: len(octets) // 2], octets + b"x", *flipped]:
        file.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"run\.pt: is not a whole checkpoint"):
            db.fit(network, data, algorithm, 0, checkpoint=file)


def _places(content, place=()):
    """Where in nested dicts and lists something is."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from _places(inner, (*place, key))


@pytest.mark.parametrize("kind", ["RSGD", "EntropySGD", "ADV"])
def test_foreign_content_with_the_right_checksum_is_refused(kind, tmp_path):
    """Every part of what is kept is exchanged for other kinds of things."""
    network, data = drawn("linear")
    algorithm = replace(ALGORITHMS[kind], **({"pretrain_error": 1.0} if kind == "ADV" else {}))
    file = tmp_path / "run.pt"
    call = functools.partial(db.fit, network, data, algorithm, 0, checkpoint=file, progress=False)
    expected = call()
    octets = file.read_bytes()[checkpoints._HEAD :]

    def read():
        return torch.load(io.BytesIO(octets), weights_only=True)

    def forge(content):
        buffer = io.BytesIO()
        torch.save(content, buffer)
        packed = buffer.getvalue()
        file.write_bytes(checkpoints.MAGIC + hashlib.sha256(packed).digest() + packed)

    strange = [None, -1, 10**6, {"x": 1}, torch.ones(2)]
    for place in _places(read()):
        inner = functools.reduce(lambda part, key: part[key], place, read())
        wrong = []
        if isinstance(inner, torch.Tensor):
            wrong = [inner[..., :-1], torch.full_like(inner, math.nan if inner.is_floating_point() else 255)]
        for value in strange + wrong[: 1 if place[1:] == ("history",) else 2]:
            content = read()
            functools.reduce(lambda part, key: part[key], place[:-1], content)[place[-1]] = value
            forge(content)
            if (place[-1], str(value)) in (("outer_steps", "1000000"), ("rule", "{'x': 1}")):
                continue  # which could be
            with pytest.raises((StoreError, InvalidInputError), match=r"run\.pt: ") as caught:
                call()
            assert "\n" not in str(caught.value)
    forge(read())
    assert_equal(call(), expected)


def test_a_checkpoint_is_a_path_that_can_be_written(tmp_path):
    network, data = drawn("mlp")
    (tmp_path / "file").touch()
    for bad, error in ((5, InvalidInputError), (tmp_path / "file" / "run.pt", StoreError), (tmp_path, StoreError)):
        with pytest.raises(error, match="file"):
            db.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=bad)
    with pytest.raises(InvalidInputError, match="checkpoint_seconds=-1"):
        db.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint_seconds=-1)


def test_a_callback_sees_every_epoch():
    network, data = drawn("own")
    for algorithm in ALGORITHMS.values():
        seen, solutions = [], []

        def look(t, seen=seen, solutions=solutions):
            seen.append((t.phase, t.epoch, t.n_epochs))
            assert [*t.errors] == pytest.approx(
                [one.history[t.epoch - 1] for one in map(t.solution, range(2))], nan_ok=True
            )
            solutions.append([t.solution(run) for run in range(2)])

        found = db.fit_many(network, data, algorithm, [0, 1], callback=look)
        first, second = algorithm.n_steps - algorithm.epochs, algorithm.epochs
        expected = [("pretraining", k + 1, first) for k in range(first)]
        assert seen == expected + [("training", k + 1, second) for k in range(second)]
        for a, b in zip(found, solutions[-1], strict=True):
            assert_equal(a, b)
        flats = [pair[0].flat for pair in solutions]
        assert all(not np.array_equal(a, b) for a, b in pairwise(flats))


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_callback_cannot_change_the_training_by_its_solutions(kind):
    network, data = drawn("own")
    expected = db.fit(network, data, ALGORITHMS[kind], 0)
    kept = []

    def spoil(t):
        solution = t.solution(0)
        kept.append((solution, solution.flat))
        for tensor in t.solution(0).state.values():
            tensor.zero_()
        t.solution(0).history[:] = 7

    found = db.fit(network, data, ALGORITHMS[kind], 0, callback=spoil)
    assert_equal(found, expected)
    assert all(np.array_equal(solution.flat, flat) for solution, flat in kept)


def test_what_a_callback_raises_ends_the_training():
    network, data = drawn("mlp")

    def stop(t):
        if t.epoch == 2:
            raise StopIteration(t.solution(0))

    with pytest.raises(StopIteration) as caught:
        db.fit(network, data, ALGORITHMS["SGD"], 0, callback=stop)
    assert caught.value.value.error(data) <= 1


@pytest.mark.parametrize("bad", [5, "x", [len]])
def test_a_callback_can_be_called(bad):
    with pytest.raises(InvalidInputError, match="callback="):
        db.fit(*drawn("mlp"), ALGORITHMS["SGD"], 0, callback=bad)


def test_a_start_is_kept_where_nothing_is_learned():
    network, data = drawn("own")
    start = db.fit(network, data, ALGORITHMS["SGD"], 0)
    for algorithm in (
        SGD(epochs=0),
        ADV(epochs=0, pretrain_epochs=0),
        EntropySGD(epochs=0),
        RSGD(epochs=0, coupling=1),
    ):
        found = db.fit(network, data, algorithm, 1, start)
        assert all(torch.allclose(found.state[name], start.state[name]) for name in start.state)
        assert len(found.history) == 0
        double = db.fit(network, data, algorithm, 1, start, dtype="float64")
        assert np.abs(double.flat - start.flat).max() < 1e-15
    before = start.flat
    db.fit(network, data, ALGORITHMS["SGD"], 1, start)
    assert np.array_equal(before, start.flat)
    other = db.fit(*drawn("mlp"), SGD(epochs=0), 0)
    for bad in (other, before, "start", 0):
        with pytest.raises(InvalidInputError, match="start="):
            db.fit(network, data, SGD(epochs=0), 0, bad)


def test_first_weights_are_those_of_torch():
    network, data = drawn("mlp")
    _, _, [rng] = streams_of(0)
    expected = first_module(network, rng)
    assert_same(db.fit(network, data, SGD(epochs=0), 0, dtype="float64"), expected)


class Random(nn.Module):
    """Draws in training without being a Dropout."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.3, self.training)


def between(*layers):
    """Two linear layers with others between them, whose units stay where they are."""
    module = nn.Sequential(nn.Linear(12, 9), *layers, nn.Linear(9, 3))
    return db.from_module(module, torch.zeros(2, 12), db.Symmetry({})).network


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), nn.AlphaDropout(0.3), Random()], ids=["Dropout", "Alpha", "own"])
def test_networks_with_dropout_are_reproducible(layer, tmp_path, monkeypatch):
    """Whatever runs are asked for, also from a checkpoint."""
    network, (_, data) = between(nn.ReLU(), layer), drawn("mlp")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for kind, algorithm in ALGORITHMS.items() if isinstance(layer, nn.Dropout) else [("SGD", ALGORITHMS["SGD"])]:
        whole = db.fit(network, data, algorithm, 1)
        for a, b in zip(db.fit_many(network, data, algorithm, [0, 1]), [None, whole], strict=True):
            if b is not None:
                assert_equal(a, b)
        assert not np.array_equal(whole.flat, db.fit(db.MLP(12, (9,), 3), data, algorithm, 1).flat)
        with pytest.raises(InvalidInputError, match="give a checkpoint to each"):
            db.fit_many(network, data, algorithm, [0, 1], checkpoint=tmp_path / "run.pt")

        def dying(t):
            if t.epoch == 2:
                raise KeyboardInterrupt

        options = {"checkpoint": tmp_path / f"{kind}.pt", "checkpoint_seconds": 0}
        with pytest.raises(KeyboardInterrupt):
            db.fit(network, data, algorithm, 1, callback=dying, **options)
        assert_equal(db.fit(network, data, algorithm, 1, **options), whole)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_do_not_share_draws():
    """Of torch's one generator, from which first weights and dropout are drawn."""
    network, (_, data) = between(nn.ReLU(), nn.Dropout(0.3)), drawn("mlp")
    before, interval = torch.get_rng_state(), sys.getswitchinterval()
    jobs = [(algorithm, seed) for seed in range(4) for algorithm in ALGORITHMS.values()]
    alone = [db.fit(network, data, *job) for job in jobs]
    try:
        sys.setswitchinterval(1e-5)
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda job: db.fit(network, data, *job), jobs))
    finally:
        sys.setswitchinterval(interval)
    for a, b in zip(together, alone, strict=True):
        assert_equal(a, b)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_older_torch_takes_the_same_steps(kind, monkeypatch):
    """Which takes them one operation after the other."""
    network, data = drawn("mlp")
    for settings in ({"weight_decay": 0.05}, {"nesterov": False, "momentum": 0.5}, {"momentum": 0.0}):
        algorithm = replace(ALGORITHMS[kind], **settings)
        monkeypatch.setattr(descent, "FUSED", True)
        expected = db.fit(network, data, algorithm, 0, dtype="float64")
        monkeypatch.setattr(descent, "FUSED", False)
        assert np.abs(db.fit(network, data, algorithm, 0, dtype="float64").flat - expected.flat).max() < 1e-9


@dataclass(frozen=True, kw_only=True)
class Halved(Algorithm):
    """An algorithm of somebody's own."""

    families = ("continuous-mlp",)
    calls: list = field(default_factory=list)

    def fit(self, machine, data, seed, start=None):
        self.calls.append((seed, start))
        assert torch.is_grad_enabled()
        found = db.fit(machine, data, SGD(epochs=1), seed, start)
        return found.at({name: tensor / 2 for name, tensor in found.state.items()})


@dataclass(frozen=True, kw_only=True)
class Own(SGD):
    """A subclass that trains in its own way."""

    def fit(self, machine, data, seed, start=None):
        return super().fit(machine, data, seed, start)


@dataclass(frozen=True, kw_only=True)
class Silent(SGD):
    """A subclass that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Wrong(Algorithm):
    """Gives no solution."""

    def fit(self, machine, data, seed, start=None):
        return "solution"


def test_algorithms_of_ones_own():
    network, data = drawn("mlp")
    algorithm = Halved()
    with torch.no_grad():
        found = db.fit_many(network, data, algorithm, [3, 4])
    assert algorithm.calls == [(3, None), (4, None)]
    assert all(one.algorithm is algorithm for one in found)
    assert np.allclose(found[0].flat, db.fit(network, data, SGD(epochs=1), 3).flat / 2)
    own = db.fit(network, data, Own(epochs=2), 3)
    assert np.array_equal(own.flat, db.fit(network, data, SGD(epochs=2), 3).flat)
    assert type(own.algorithm) is Own
    for bad in (Silent(), "SGD", None, SGD):
        with pytest.raises(InvalidInputError, match="does not train continuous networks"):
            db.fit(network, data, bad, 0)
    with pytest.raises(InvalidInputError, match=r"Wrong\.fit gave 'solution', not a solution"):
        db.fit(network, data, Wrong(), 0)
    with pytest.raises(InvalidInputError, match="seed="):
        db.fit(network, data, Wrong(), "seed")
    for option in ({"dtype": "float64"}, {"checkpoint": "x"}, {"device": "cuda"}):
        with pytest.raises(InvalidInputError, match=f"{next(iter(option))}=.* is for SGD, RSGD, ADV and EntropySGD"):
            db.fit(network, data, algorithm, 0, **option)
    db.fit(network, data, algorithm, 0, device=torch.device("cpu"))


def test_algorithms_of_binary_networks_are_refused_and_the_other_way_round():
    network, data = drawn("mlp")
    for algorithm in (db.SGD(), db.RSGD(), db.ADV()):
        with pytest.raises(InvalidInputError, match=r"give SGD, RSGD, ADV or EntropySGD of deepbridge\.continuous"):
            db.fit(network, data, algorithm, 0)
    dataset = db.Dataset.from_real(data[0], data[1], 3)
    for algorithm in ALGORITHMS.values():
        with pytest.raises(InvalidInputError, match="for a binary one give SGD, RSGD or ADV of deepbridge"):
            db.fit(db.BinaryMLP(12, (9, 5), 3), dataset, algorithm, 0)


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_training_that_diverges_says_so(kind, tmp_path):
    """A decay of rate times 10^6 reverses and enlarges all weights."""
    network, data = drawn("mlp")
    algorithm = replace(ALGORITHMS[kind], weight_decay=1e6, learning_rate=1.0, epochs=40)
    given = r"learning_rate=1 or inner_learning_rate=0\.1" if kind == "EntropySGD" else "learning_rate=1"
    message = rf"the training diverged in epoch \d+ of \d+: weights are .* lower {given}, and see that"
    with pytest.raises(InvalidInputError, match=message) as caught:
        db.fit(network, data, algorithm, 0, checkpoint=tmp_path / "run.pt", checkpoint_seconds=0)
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidInputError, match=r"the training of seeds\[\d\] diverged"):
        db.fit_many(network, data, algorithm, [0, 1])
    with pytest.raises(InvalidInputError, match="diverged"):  # again, from where it was all right
        db.fit(network, data, algorithm, 0, checkpoint=tmp_path / "run.pt")


def test_a_first_phase_that_diverges_says_so():
    network = db.from_module(
        nn.Sequential(nn.Linear(12, 9), nn.LeakyReLU(), nn.Linear(9, 3)), torch.zeros(2, 12)
    ).network
    algorithm = replace(ALGORITHMS["ADV"], pretrain_learning_rate=1e9, pretrain_epochs=20)
    with pytest.raises(InvalidInputError, match=r"diverged in epoch \d+ of 23: .* lower pretrain_learning_rate=1e\+09"):
        db.fit(network, drawn("mlp")[1], algorithm, 0)


@pytest.mark.parametrize(("n_patterns", "batch_size"), [(1, 128), (8, 7), (3, 1)])
def test_batch_norm_wants_two_patterns(n_patterns, batch_size):
    network, data = drawn("own", n_patterns)
    message = "cannot be trained on a batch of 1 .*set batch_size so that the last batch of an epoch has more"
    for algorithm in ALGORITHMS.values():
        with pytest.raises(InvalidInputError, match=message):
            db.fit(network, data, replace(algorithm, batch_size=batch_size), 0)


def test_batch_norm_of_images_takes_one_pattern():
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 3))
    network = db.from_module(module, torch.zeros(2, 1, 5, 5)).network
    db.fit(network, drawn("own", 8)[1], replace(ALGORITHMS["SGD"], batch_size=7), 0)


class Looking(nn.Module):
    """Decides by a number that it sees, which networks in one batch cannot."""

    def forward(self, x):
        return torch.relu(x) if float(x.detach().sum()) > -1e9 else x


class Picky(nn.Module):
    """Takes batches of 7 only, in training."""

    def forward(self, x):
        if self.training and x.shape[0] != 7:
            raise ValueError("not seven")
        return torch.relu(x)


@pytest.mark.parametrize(
    "layers", [[Looking()], [nn.BatchNorm1d(9, momentum=None), nn.ReLU()]], ids=["control flow", "cumulative"]
)
def test_modules_that_do_not_work_in_batches_are_trained_one_by_one(layers):
    _, data = drawn("mlp")
    network = between(*layers)
    for kind in ("SGD", "RSGD"):
        many = db.fit_many(network, data, ALGORITHMS[kind], [0, 1], dtype="float64")
        for seed, found in enumerate(many):
            assert np.abs(found.flat - db.fit(network, data, ALGORITHMS[kind], seed, dtype="float64").flat).max() < 1e-9
    if isinstance(layers[0], Looking):
        plain = db.fit(db.MLP(12, (9,), 3), data, ALGORITHMS["SGD"], 0, dtype="float64")
        assert np.abs(db.fit(network, data, ALGORITHMS["SGD"], 0, dtype="float64").flat - plain.flat).max() < 1e-9


def test_modules_that_cannot_be_trained_are_refused_with_what_they_say():
    with pytest.raises(InvalidInputError, match=r"cannot be trained on a batch of 2 \(ValueError: not seven\)"):
        db.fit(between(Picky()), drawn("mlp")[1], ALGORITHMS["SGD"], 0)


class Spare(nn.Module):
    """Has a parameter that it does not use."""

    def __init__(self):
        super().__init__()
        self.first, self.last, self.spare = nn.Linear(12, 4), nn.Linear(4, 3), nn.Linear(2, 2)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def test_a_parameter_that_is_not_used_stays():
    symmetry = db.Symmetry({"first.weight": ("a", None), "first.bias": ("a",), "last.weight": (None, "a")})
    network = db.from_module(Spare(), torch.zeros(2, 12), symmetry).network
    data = drawn("mlp")[1]
    before, after = (db.fit(network, data, replace(ALGORITHMS["SGD"], epochs=e), 0) for e in (0, 2))
    for name, tensor in after.state.items():
        assert torch.equal(tensor, before.state[name]) == name.startswith("spare")


def test_batches_larger_than_the_data_are_the_data():
    network, data = drawn("mlp")
    a, b = (db.fit(network, data, replace(ALGORITHMS["SGD"], batch_size=size), 0) for size in (23, 2**31 - 1))
    assert np.array_equal(a.flat, b.flat)
    one = [array[:1] for array in data]
    for algorithm in ALGORITHMS.values():
        assert db.fit(network, one, replace(algorithm, learning_rate=0.3), 0).loss(one) < 2


def test_classes_may_be_missing():
    network, (inputs, _) = drawn("mlp")
    for algorithm in ALGORITHMS.values():
        found = db.fit(network, (inputs, np.ones(23)), algorithm, 0)
        assert found.algorithm == algorithm
    with pytest.raises(InvalidInputError, match="classes"):
        db.fit(network, (inputs, np.full(23, 3)), ALGORITHMS["SGD"], 0)


def test_many_seeds():
    network, data = drawn("linear")
    found = db.fit_many(network, data, replace(ALGORITHMS["SGD"], epochs=2), range(300))
    assert len({one.flat.tobytes() for one in found}) == 300
    with pytest.raises(InvalidInputError, match="seeds="):
        db.fit_many(network, data, ALGORITHMS["SGD"], range(10_001))
    with pytest.raises(InvalidInputError, match="10 000"):
        db.fit_many(network, data, ALGORITHMS["RSGD"], range(5000))
    with pytest.raises(InvalidInputError, match="epochs=2000000 of 100 runs"):
        db.fit_many(network, data, replace(ALGORITHMS["SGD"], epochs=2_000_000), range(100))


def test_bad_arguments_are_one_clear_line():
    network, data = drawn("mlp")
    algorithm = ALGORITHMS["SGD"]
    for option, message in (
        ({"device": "gpu"}, "device='gpu' cannot be used"),
        ({"dtype": "float16"}, "dtype='float16'"),
        ({"dtype": torch.float64}, "dtype=torch.float64"),
        ({"progress": 1}, "progress=1"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            db.fit(network, data, algorithm, 0, **option)
    for seed in (None, -1, "x", 1.5):
        with pytest.raises(InvalidInputError, match="seed="):
            db.fit(network, data, algorithm, seed)
    for seeds in (3, [], "01", None):
        with pytest.raises(InvalidInputError, match="seeds="):
            db.fit_many(network, data, algorithm, seeds)
    for bad in ((data[0][:, :5], data[1]), data[0], (data[0], data[1][:-1]), (data[0] * np.nan, data[1]), None):
        with pytest.raises(InvalidInputError):
            db.fit(network, bad, algorithm, 0)
    with pytest.raises(InvalidInputError, match="network="):
        training.fit(NORMALISED, data, algorithm, 0)


def test_a_bar_is_shown_on_a_terminal_only(capsys):
    db.fit(*drawn("mlp"), ALGORITHMS["SGD"], 0)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
