import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError, StoreError
from binland.rng import generator
from deepbridge import training
from tests.deepbridge.problems import naive_errors, random_data
from tests.naive import deep_training as naive

NETWORKS = {
    "perceptron": (db.BinaryMLP(12, ()), (12,), 2),
    "binary": (db.BinaryMLP(12, (9, 5)), (12,), 2),
    "classes": (db.BinaryMLP(12, (9, 5), 3), (12,), 3),
    "convnet": (db.BinaryConvNet((2, 8, 8), (3, 4), (5,), 3, 2, 2), (2, 8, 8), 3),
    "convnet, binary": (db.BinaryConvNet((1, 5, 5), (3,), (), 1, 2, 2), (1, 5, 5), 2),
}
ALGORITHMS = {
    "SGD": db.SGD(epochs=3, learning_rate=0.5, batch_size=7, learning_rate_steps=((1, 0.5), (2, 0.1))),
    "Adam": db.SGD(epochs=3, learning_rate=0.05, batch_size=7, optimizer="adam", learning_rate_steps=((2, 0.5),)),
    "wide": db.SGD(epochs=2, learning_rate=0.5, ste_window=math.inf, output_scale=3.0, clip=0.5, init_width=2.0),
}


def drawn(name, n_patterns=23):
    network, shape, n_classes = NETWORKS[name]
    return network, random_data(np.random.default_rng(1), shape, n_classes, n_patterns)


def by_autograd(network, data, algorithm, seed, make_optimizer):
    """The same draws, one network, autograd, double precision."""
    _, rng = generator(seed, "fit").spawn(2)
    latents = [
        rng.uniform(-b, b, layer.weight_shape)
        for layer in network.layers
        for b in [algorithm.init_width * math.sqrt(6 / (layer.fan_in + layer.fan_out))]
    ]
    latents = [torch.tensor(np.clip(layer, -algorithm.clip, algorithm.clip)) for layer in latents]
    orders = [rng.permutation(data.n_patterns) for _ in range(algorithm.epochs)]
    rates = [
        algorithm.learning_rate * math.prod(f for start, f in algorithm.learning_rate_steps if epoch >= start)
        for epoch in range(algorithm.epochs)
    ]
    return naive.train(
        latents,
        torch.tensor(data.inputs * data.scale, dtype=torch.float64),
        torch.tensor(data.classes),
        orders,
        algorithm.batch_size,
        make_optimizer,
        rates,
        algorithm.ste_window,
        algorithm.clip,
        algorithm.output_scale,
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_training_is_that_of_autograd_and_torch_optimisers(name, kind):
    """Double precision, so that both ways round alike to 1e-9; Adam divides by small numbers, hence not closer."""
    network, data = drawn(name)
    algorithm = ALGORITHMS[kind]
    make = torch.optim.Adam if algorithm.optimizer == "adam" else lambda p: torch.optim.SGD(p, lr=1.0)
    expected = by_autograd(network, data, algorithm, 5, make)
    found = training.fit(network, data, algorithm, 5, dtype="float64")
    for a, b in zip(found.latents, expected, strict=True):
        assert np.abs(a - b.numpy()).max() < 1e-6  # latents are handed out in single precision


@pytest.mark.parametrize("name", ["binary", "classes", "convnet"])
@pytest.mark.parametrize(
    "algorithm",
    [
        db.SGD(epochs=3, learning_rate=0.5, batch_size=7),
        db.SGD(epochs=3, learning_rate=0.01, batch_size=7, optimizer="adam"),
        db.RSGD(epochs=3, learning_rate=0.5, batch_size=7, replicas=3, coupling=0.1),
        db.RSGD(epochs=3, learning_rate=0.01, optimizer="adam", replicas=2, coupling=0.1, coupling_form="in_gradient"),
        db.ADV(epochs=2, pretrain_epochs=2, learning_rate=0.01, pretrain_learning_rate=0.5, optimizer="adam"),
    ],
    ids=["SGD", "Adam", "RSGD", "RSGD-Adam", "ADV"],
)
def test_several_runs_in_one_batch_are_the_single_runs(name, algorithm):
    network, data = drawn(name)
    many = training.fit_many(network, data, algorithm, [0, 1, 2], dtype="float64")
    for seed, found in enumerate(many):
        alone = training.fit(network, data, algorithm, seed, dtype="float64")
        for a, b in zip(found.latents, alone.latents, strict=True):
            assert np.abs(a - b).max() < 1e-6
        assert np.array_equal(found.history, alone.history)
        if alone.replicas is not None:
            assert np.array_equal(found.replicas.errors, alone.replicas.errors)


def test_replicas_are_pulled_together_and_their_centre_is_the_solution():
    network, data = drawn("classes")
    loose = db.RSGD(epochs=5, replicas=3, coupling=0.0, learning_rate=0.5)
    tight = replace(loose, coupling=0.5)
    spreads = []
    for algorithm in (loose, tight):
        found = training.fit(network, data, algorithm, seed=0)
        assert found.replicas.weights[0].shape == (3, 9, 12)
        errors = [
            naive_errors(db.Solution(network, [layer[r] for layer in found.replicas.weights]), data) for r in range(3)
        ]
        assert np.allclose(found.replicas.errors, np.array(errors) / data.n_patterns)
        assert found.history[-1] == found.error(data)
        assert np.array_equal(found.replicas.history[-1], found.replicas.errors)
        spreads.append(found.replicas.spread)
    assert spreads[1] < spreads[0] / 2


def test_a_run_ends_at_zero_error_for_itself():
    rng = np.random.default_rng(0)
    data = random_data(rng, (30,), 2, 12)
    algorithm = db.SGD(epochs=60, learning_rate=1.0, stop_at_zero_error=True)
    many = training.fit_many(db.BinaryMLP(30, (11,)), data, algorithm, range(4), dtype="float64")
    lengths = []
    for seed, found in enumerate(many):
        looked = found.history[~np.isnan(found.history)]
        assert looked[-1] == found.error(data) == 0
        assert np.all(looked[:-1] > 0)
        lengths.append(len(looked))
        alone = training.fit(db.BinaryMLP(30, (11,)), data, algorithm, seed, dtype="float64")
        assert np.array_equal(alone.flat, found.flat)
    assert len(set(lengths)) > 1


def test_errors_are_looked_at_as_often_as_asked():
    network, data = drawn("binary")
    found = training.fit(network, data, db.SGD(epochs=7, history_every=3, learning_rate=0.5), 0)
    assert np.array_equal(np.isnan(found.history), [True, True, False, True, True, False, False])


def test_same_seed_same_result_and_no_global_state():
    network, data = drawn("convnet")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, b = (training.fit(network, data, ALGORITHMS["Adam"], seed=3) for _ in range(2))
    assert np.array_equal(a.flat, b.flat)
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(a.flat, training.fit(network, data, ALGORITHMS["Adam"], seed=4).flat)


def test_a_start_is_kept_where_nothing_is_learned():
    network, data = drawn("classes")
    rng = np.random.default_rng(2)
    start = tuple(rng.uniform(-2, 2, shape).astype(np.float32) for shape in network.weight_shapes)
    found = training.fit(network, data, db.SGD(epochs=0), 0, start)
    assert all(np.array_equal(a, np.clip(b, -1, 1)) for a, b in zip(found.latents, start, strict=True))
    with pytest.raises(InvalidInputError, match="start of shapes"):
        training.fit(network, data, db.SGD(epochs=0), 0, start[:1])


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RSGD", "ADV"])
def test_a_killed_training_goes_on_from_its_checkpoint(kind, tmp_path, monkeypatch):
    network, data = drawn("convnet")
    algorithm = {
        **ALGORITHMS,
        "RSGD": db.RSGD(epochs=4, replicas=2, learning_rate=0.1, optimizer="adam", coupling=0.1),
        "ADV": db.ADV(epochs=2, pretrain_epochs=2, learning_rate=0.01, pretrain_learning_rate=0.5, optimizer="adam"),
    }[kind]
    whole = training.fit_many(network, data, algorithm, [0, 1])
    file = tmp_path / "run.pt"
    step, calls = training._Runs.epoch, []
    total = algorithm.epochs + getattr(algorithm, "pretrain_epochs", 0)
    for killed_at in range(1, total):

        def dying(self, limit=killed_at):
            if self._epoch == limit and len(calls) < limit:
                calls.append(limit)
                raise KeyboardInterrupt
            step(self)

        monkeypatch.setattr(training._Runs, "epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            training.fit_many(network, data, algorithm, [0, 1], checkpoint=file, checkpoint_seconds=0)
        assert file.exists()
    monkeypatch.setattr(training._Runs, "epoch", step)
    resumed = training.fit_many(network, data, algorithm, [0, 1], checkpoint=file, checkpoint_seconds=0)
    for a, b in zip(resumed, whole, strict=True):
        assert np.array_equal(a.history, b.history)
        assert all(np.array_equal(x, y) for x, y in zip(a.latents, b.latents, strict=True))
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path, monkeypatch):
    network, data = drawn("binary")
    file = tmp_path / "run.pt"
    monkeypatch.setattr(training._Runs, "finished", property(lambda self: self._epoch == 1))
    monkeypatch.setattr("deepbridge.checkpoints.Checkpoint.remove", lambda self: None)
    training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file, checkpoint_seconds=0)
    with pytest.raises(InvalidInputError, match="another training \\(other seeds\\)"):
        training.fit(network, data, ALGORITHMS["SGD"], 1, checkpoint=file)
    with pytest.raises(InvalidInputError, match="algorithm"):
        training.fit(network, data, ALGORITHMS["Adam"], 0, checkpoint=file)
    octets = file.read_bytes()
    for damaged in (b"", b"nonsense", octets[: len(octets) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"run\.pt: cannot be read as a checkpoint"):
            training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file)


def test_bad_arguments_are_one_clear_line():
    network, data = drawn("binary")
    with pytest.raises(InvalidInputError, match="device='cuda:99' cannot be used"):
        training.fit(network, data, db.SGD(epochs=0), 0, device="cuda:99")
    with pytest.raises(InvalidInputError, match="device='gpu' cannot be used"):
        training.fit(network, data, db.SGD(epochs=0), 0, device="gpu")
    with pytest.raises(InvalidInputError, match="dtype='float16'"):
        training.fit(network, data, db.SGD(epochs=0), 0, dtype="float16")
    with pytest.raises(InvalidInputError, match="seeds is empty"):
        training.fit_many(network, data, db.SGD(epochs=0), [])
    with pytest.raises(InvalidInputError, match="3 classes need 3"):
        training.fit(network, drawn("classes")[1], db.SGD(epochs=0), 0)
    for bad in ({"optimizer": "lbfgs"}, {"learning_rate_steps": ((3, 0.5), (2, 0.5))}, {"learning_rate_steps": "x"}):
        with pytest.raises(InvalidInputError, match=next(iter(bad))):
            db.SGD(**bad)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_trains_the_same_up_to_rounding(name):
    network, data = drawn(name)
    a, b = (training.fit(network, data, ALGORITHMS["SGD"], 0, device=d, dtype="float64") for d in ("cpu", "cuda"))
    for x, y in zip(a.latents, b.latents, strict=True):
        assert np.abs(x - y).max() < 1e-6
