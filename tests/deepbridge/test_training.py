import copy
import errno
import functools
import hashlib
import io
import math
import os
import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import deepbridge as db
from binland.errors import InvalidInputError, StoreError
from binland.rng import generator
from deepbridge.binary import training
from deepbridge.common import checkpoints
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
    data = random_data(np.random.default_rng(1), shape, n_classes, n_patterns)
    return network, db.Dataset(data.inputs, data.labels, n_classes, scale=0.37)


def first_latents(network, algorithm, rng):
    """Xavier's uniform draw, of double precision; fans of a convolution count the positions of its filter."""
    latents = []
    for shape in network.weight_shapes:
        positions = math.prod(shape[2:])
        b = algorithm.init_width * math.sqrt(6 / (shape[1] * positions + shape[0] * positions))
        latents.append(torch.tensor(np.clip(rng.uniform(-b, b, shape), -algorithm.clip, algorithm.clip)))
    return latents


def by_autograd(network, data, algorithm, seed, make_optimizer):
    """The same draws, one network, autograd, double precision."""
    _, rng = generator(seed, "fit").spawn(2)
    latents = first_latents(network, algorithm, rng)
    orders = [rng.permutation(data.n_patterns) for _ in range(algorithm.epochs)]
    rates = [
        algorithm.learning_rate * math.prod(f for start, f in algorithm.learning_rate_steps if epoch >= start)
        for epoch in range(algorithm.epochs)
    ]
    return naive.train(
        latents,
        torch.tensor(data.inputs, dtype=torch.float64),
        torch.tensor(data.classes),
        orders,
        algorithm.batch_size,
        make_optimizer,
        rates,
        algorithm.ste_window,
        algorithm.clip,
        algorithm.output_scale,
        data.scale,
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


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("form", ["in_gradient", "after_batch", "after_epoch"])
def test_replicas_are_those_of_a_loop_over_networks(optimizer, form):
    network, data = drawn("classes")
    rate = 0.5 if optimizer == "sgd" else 0.02
    algorithm = db.RSGD(
        epochs=3, batch_size=7, replicas=3, coupling=0.5, coupling_growth=1.1, coupling_form=form,
        learning_rate=rate, optimizer=optimizer,
    )  # fmt: skip
    streams = generator(5, "fit").spawn(4)[1:]
    replicas = [[w.requires_grad_() for w in first_latents(network, algorithm, rng)] for rng in streams]
    make = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    optimizers = [make(replica, lr=rate) for replica in replicas]
    inputs, classes = torch.tensor(data.inputs).double(), torch.tensor(data.classes)

    def deviations():
        means = [sum(layers).detach() / 3 for layers in zip(*replicas, strict=True)]
        return [[(w - mean).detach() for w, mean in zip(replica, means, strict=True)] for replica in replicas]

    def pull(strength):
        with torch.no_grad():
            for replica, away in zip(replicas, deviations(), strict=True):
                for w, d in zip(replica, away, strict=True):
                    w -= strength * d

    for epoch in range(3):
        gamma = 0.5 * 1.1**epoch
        orders = [torch.as_tensor(rng.permutation(data.n_patterns)).split(7) for rng in streams]
        for batches in zip(*orders, strict=True):
            away = deviations()
            for replica, step, batch, apart in zip(replicas, optimizers, batches, away, strict=True):
                step.zero_grad()
                z = naive.logits(replica, inputs[batch], input_scale=data.scale)
                torch.nn.functional.cross_entropy(z, classes[batch]).backward()
                for w, d in zip(replica, apart, strict=True):
                    w.grad += gamma * d * (form == "in_gradient")
                step.step()
                with torch.no_grad():
                    for w in replica:
                        w.clamp_(-1, 1)
            if form == "after_batch":
                pull(rate * gamma)
        if form == "after_epoch":
            pull(rate * gamma)
    found = training.fit(network, data, algorithm, 5, dtype="float64")
    centre = [sum(layers).detach().numpy() / 3 for layers in zip(*replicas, strict=True)]
    for a, b in zip(found.latents, centre, strict=True):
        assert np.abs(a - b).max() < 1e-6


@pytest.mark.parametrize(("first", "second"), [("sgd", "adam"), ("adam", "adam"), ("adam", "sgd")])
def test_an_adversarial_start_is_a_training_on_random_labels_before(first, second):
    """With an optimiser of its own, that is forgotten, and steps of the rate that count from the second phase."""
    network, data = drawn("classes")
    algorithm = db.ADV(
        epochs=3, pretrain_epochs=2, learning_rate=0.03, pretrain_learning_rate=0.05, optimizer=second,
        pretrain_optimizer=first, learning_rate_steps=((1, 0.5),), batch_size=7,
    )  # fmt: skip
    labels, rng = generator(5, "fit").spawn(2)
    latents = first_latents(network, algorithm, rng)
    orders = [rng.permutation(data.n_patterns) for _ in range(5)]
    inputs, scale = torch.tensor(data.inputs).double(), {"input_scale": data.scale}
    makers = {"adam": torch.optim.Adam, "sgd": lambda p: torch.optim.SGD(p, lr=1.0)}
    noise = torch.tensor(labels.integers(3, size=data.n_patterns))
    latents = naive.train(latents, inputs, noise, orders[:2], 7, makers[first], [0.05] * 2, **scale)
    rates = [0.03, 0.015, 0.015]
    latents = naive.train(latents, inputs, torch.tensor(data.classes), orders[2:], 7, makers[second], rates, **scale)
    found = training.fit(network, data, algorithm, 5, dtype="float64")
    for a, b in zip(found.latents, latents, strict=True):
        assert np.abs(a - b.numpy()).max() < 1e-6


def test_defaults_are_those_of_the_paper():
    """Appendix B, two hidden layers on MNIST: rate 10, 1000 epochs, batches of 100, 5 replicas; Xavier."""
    for algorithm in (db.SGD(), db.RSGD(), db.ADV()):
        assert (algorithm.learning_rate, algorithm.epochs, algorithm.batch_size) == (10.0, 1000, 100)
        assert (algorithm.init_width, algorithm.clip, algorithm.ste_window, algorithm.output_scale) == (1, 1, 1, 1)
        assert (algorithm.optimizer, algorithm.learning_rate_steps) == ("sgd", ())
    assert (db.RSGD().replicas, db.RSGD().coupling, db.RSGD().coupling_growth) == (5, 0.002, 1.002)
    adv = db.ADV()
    assert (adv.pretrain_epochs, adv.pretrain_learning_rate, adv.pretrain_optimizer) == (1000, 10.0, "sgd")


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
    with pytest.raises(InvalidInputError, match="start have the shapes"):
        training.fit(network, data, db.SGD(epochs=0), 0, start[:1])


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RSGD", "ADV", "stopping"])
def test_a_killed_training_goes_on_from_its_checkpoint(kind, tmp_path, monkeypatch):
    network, data = drawn("convnet")
    algorithm = {
        **ALGORITHMS,
        "RSGD": db.RSGD(epochs=4, replicas=2, learning_rate=0.1, optimizer="adam", coupling=0.1),
        "ADV": db.ADV(epochs=2, pretrain_epochs=2, learning_rate=0.01, pretrain_learning_rate=0.5, optimizer="adam"),
        "stopping": db.SGD(epochs=12, learning_rate=1.0, stop_at_zero_error=True),
    }[kind]
    if kind == "stopping":
        network, data = db.BinaryMLP(30, (11,)), random_data(np.random.default_rng(0), (30,), 2, 12)
    whole = training.fit_many(network, data, algorithm, [0, 1])
    if kind == "stopping":
        assert len({np.count_nonzero(~np.isnan(s.history)) for s in whole}) == 2
    file = tmp_path / "run.pt"
    step, calls = training._Runs.epoch, []
    total = algorithm.epochs + getattr(algorithm, "pretrain_epochs", 0)
    if kind == "stopping":
        total = max(np.count_nonzero(~np.isnan(s.history)) for s in whole)
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
        assert np.array_equal(a.history, b.history, equal_nan=True)
        assert all(np.array_equal(x, y) for x, y in zip(a.latents, b.latents, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]
    monkeypatch.setattr(training._Runs, "epoch", None)  # all is done: nothing is trained again
    again = training.fit_many(network, data, algorithm, [0, 1], checkpoint=file)
    assert all(np.array_equal(a.flat, b.flat) for a, b in zip(again, whole, strict=True))


def test_a_foreign_or_damaged_checkpoint_is_refused(tmp_path):
    network, data = drawn("binary")
    file = tmp_path / "run.pt"
    start = tuple(np.zeros(shape, np.float32) for shape in network.weight_shapes)
    training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file)
    others = db.Dataset(-data.inputs, data.labels, 2, data.scale)
    scaled = db.Dataset(data.inputs, data.labels, 2, 1.0)
    for changed, what in (
        ((network, data, ALGORITHMS["SGD"], 1), "seeds"),
        ((network, data, ALGORITHMS["Adam"], 0), "algorithm"),
        ((network, others, ALGORITHMS["SGD"], 0), "data"),
        ((network, scaled, ALGORITHMS["SGD"], 0), "data"),
        ((network, data, ALGORITHMS["SGD"], 0, start), "start"),
        ((db.BinaryMLP(12, (9, 7)), data, ALGORITHMS["SGD"], 0), "network"),
    ):
        with pytest.raises(InvalidInputError, match=f"another training \\(other {what}\\)"):
            training.fit(*changed, checkpoint=file)
    with pytest.raises(InvalidInputError, match="other dtype"):
        training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file, dtype="float64")
    octets = file.read_bytes()
    rng = np.random.default_rng(0)
    damages = [b"", b"nonsense", octets[: len(octets) // 2], octets + b"x"]
    for place in rng.integers(len(octets), size=20):
        damages.append(octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :])
    for damaged in damages:
        file.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"run\.pt: is not a whole checkpoint"):
            training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file)


def _kept(file):
    """What a checkpoint holds."""
    return torch.load(io.BytesIO(file.read_bytes()[checkpoints._HEAD :]), weights_only=True)


def _forge(file, content):
    """A file with the right checksum."""
    if not isinstance(content, bytes):
        buffer = io.BytesIO()
        torch.save(content, buffer)
        content = buffer.getvalue()
    file.write_bytes(checkpoints.MAGIC + hashlib.sha256(content).digest() + content)


def _places(content, place=()):
    """Where in nested dicts and lists something is."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from _places(inner, (*place, key))


def _changed(content, place, value):
    copied = copy.deepcopy(content)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copied


@pytest.mark.parametrize("kind", ["Adam", "stopping"])
def test_foreign_content_with_the_right_checksum_is_refused(kind, tmp_path):
    """Every part of what is kept is exchanged for every other kind of thing."""
    network, data = drawn("binary")
    algorithm = ALGORITHMS["Adam"]
    if kind == "stopping":
        network, data = db.BinaryMLP(30, (11,)), random_data(np.random.default_rng(0), (30,), 2, 12)
        algorithm = db.SGD(epochs=12, learning_rate=1.0, stop_at_zero_error=True)
    file = tmp_path / "run.pt"
    call = partial(training.fit_many, network, data, algorithm, [0, 1], checkpoint=file)
    expected = call()
    kept = _kept(file)
    assert bool(kept["state"]["stopped"]) == (kind == "stopping")
    sparse, half = torch.eye(3).to_sparse(), torch.ones(2, dtype=torch.float16)
    strange = [None, 1.5, -1, 10**6, True, "x", "[]", b"x", [], {}, {"x": 1}, [torch.ones(3)], half, sparse]
    strange += [torch.tensor(math.nan), torch.tensor(2**40), torch.nn.Parameter(torch.ones(2))]
    contents = [(place, value) for place in _places(kept) for value in strange]
    for place in _places(kept):
        inner = functools.reduce(lambda part, key: part[key], place, kept)
        if isinstance(inner, torch.Tensor):
            wrong = [inner[..., None], inner.double() if inner.dtype == torch.float32 else inner.float()]
            wrong += [torch.full_like(inner, math.inf), torch.full_like(inner, -math.inf)]
            contents += [(place, value) for value in wrong]
            contents.append((place, torch.zeros((), dtype=inner.dtype).expand(10**6, 10**6)))
    allowed = [(("state", "stopped"), {}), (("state", "descent", "adam"), None)]
    contents = [_changed(kept, *change) for change in contents if repr(change) not in map(repr, allowed)]
    contents += [*strange, b"", b"x", b"PK\x03\x04", pickle.dumps(_Payload(tmp_path / "run")), pickle.dumps(kept)]
    for content in contents:
        _forge(file, content)
        with pytest.raises((StoreError, InvalidInputError), match=r"run\.pt: ") as caught:
            call()
        line = str(caught.value)
        assert "\n" not in line
        assert len(line) < 1000
        assert isinstance(caught.value, StoreError) or "another training" in line
    assert not (tmp_path / "run").exists()
    _forge(file, kept)
    assert all(np.array_equal(a.flat, b.flat) for a, b in zip(call(), expected, strict=True))


class _Payload:
    def __init__(self, folder):
        self._folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self._folder),)


def test_a_declared_size_is_not_believed(tmp_path):
    """A tensor that its file says to be of 10^12 numbers."""
    network, data = drawn("binary")
    file = tmp_path / "run.pt"
    training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file)
    octets = file.read_bytes()
    shape = b"K\x01K\x09K\x0c\x87"  # (1, 9, 12)
    assert octets.count(shape) == 1
    _forge(file, octets[checkpoints._HEAD :].replace(shape, b"K\x01J\xff\xff\xff\x7fK\x0c\x87"))
    with pytest.raises(StoreError, match="does not hold a checkpoint"):
        training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=file)


def test_a_checkpoint_that_names_another_device_is_read_on_that_of_the_call(tmp_path):
    """As if it had been written with a second GPU."""
    network, data = drawn("binary")
    file = tmp_path / "run.pt"
    call = partial(training.fit, network, data, ALGORITHMS["Adam"], 0, checkpoint=file)
    expected = call()
    kept = _kept(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:7")
        _forge(file, kept)
    assert b"cuda:7" in file.read_bytes()
    assert np.array_equal(call().flat, expected.flat)


def test_a_checkpoint_of_another_number_of_threads_is_refused(tmp_path):
    network, data = drawn("convnet")
    call = partial(training.fit, network, data, ALGORITHMS["SGD"], 0, checkpoint=tmp_path / "run.pt")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        call()
        torch.set_num_threads(2)
        with pytest.raises(InvalidInputError, match=r"\(other threads: '1' there, '2' here\)"):
            call()
        torch.set_num_threads(1)
        call()
    finally:
        torch.set_num_threads(before)


def test_names_of_one_device_share_a_checkpoint(tmp_path):
    network, data = drawn("binary")
    call = partial(training.fit, network, data, ALGORITHMS["SGD"], 0, checkpoint=tmp_path / "run.pt")
    for device in ("cpu", "cpu:0", torch.device("cpu")):
        call(device=device)


@pytest.mark.parametrize("kind", ["PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_generator_of_numpy_can_be_resumed(kind, tmp_path, monkeypatch):
    network, data = drawn("binary")
    algorithm = db.SGD(epochs=4, learning_rate=0.5)

    def seed():
        return np.random.Generator(getattr(np.random, kind)(3))

    expected = training.fit(network, data, algorithm, seed())
    epoch = training._Runs.epoch

    def dying(self):
        if self.done == 2:
            raise KeyboardInterrupt
        epoch(self)

    monkeypatch.setattr(training._Runs, "epoch", dying)
    with pytest.raises(KeyboardInterrupt):
        training.fit(network, data, algorithm, seed(), checkpoint=tmp_path / "run.pt", checkpoint_seconds=0)
    monkeypatch.setattr(training._Runs, "epoch", epoch)
    found = training.fit(network, data, algorithm, seed(), checkpoint=tmp_path / "run.pt")
    assert all(np.array_equal(a, b) for a, b in zip(found.latents, expected.latents, strict=True))
    with pytest.raises(InvalidInputError, match="other seeds"):
        training.fit(network, data, algorithm, np.random.default_rng(3), checkpoint=tmp_path / "run.pt")


def test_a_checkpoint_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "run.pt")
    with pytest.raises(StoreError, match="is not a file"):
        training.fit(*drawn("binary"), ALGORITHMS["SGD"], 0, checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize("bad", [5, b"x"])
def test_a_checkpoint_is_a_path(bad):
    network, data = drawn("binary")
    with pytest.raises(InvalidInputError, match="is not the path of a file"):
        training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=bad)


@pytest.mark.parametrize("name", ["file/run.pt", "x" * 300, "a\0b", "folder"])
def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_training(tmp_path, monkeypatch, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    network, data = drawn("binary")
    monkeypatch.setattr(training._Runs, "epoch", None)
    with pytest.raises(StoreError, match="give another file for the checkpoint") as caught:
        training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_disk_that_fills_up_later_costs_no_training(tmp_path, monkeypatch):
    network, data = drawn("binary")
    expected = training.fit(network, data, ALGORITHMS["SGD"], 0)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match=r"run\.pt: not written \(No space left on device\)"):
        found = training.fit(network, data, ALGORITHMS["SGD"], 0, checkpoint=tmp_path / "run.pt")
    assert np.array_equal(found.flat, expected.flat)
    assert list(tmp_path.iterdir()) == []


def test_the_strongest_pull_counts_steps_of_the_rate():
    settings = {"learning_rate": 1.0, "epochs": 200, "coupling": 0.01, "coupling_growth": 1.03}
    with pytest.raises(InvalidInputError, match=r"reaches learning_rate \* gamma = 3.59"):
        db.RSGD(**settings)
    lowered = db.RSGD(**settings, learning_rate_steps=[(50, 0.1), (100, 0.1)])
    assert lowered.strongest_pull() == pytest.approx(max(lowered.rate(t) * lowered.pull(t) for t in range(200)))
    with pytest.raises(InvalidInputError, match="overshoot"):
        db.RSGD(learning_rate=1.0, epochs=20, coupling=0.5, coupling_growth=1.0, learning_rate_steps=[(1, 10.0)])
    db.RSGD(**settings, optimizer="adam", coupling_form="in_gradient")
    with pytest.raises(InvalidInputError, match="overshoot"):
        db.RSGD(**settings, optimizer="adam", coupling_form="after_batch")


def test_two_outputs_are_refused():
    for make in (lambda: db.BinaryMLP(5, (3,), 2), lambda: db.BinaryConvNet((1, 8, 8), (2,), (3,), 2, 3)):
        with pytest.raises(InvalidInputError, match="two classes need one output"):
            make()


def test_latents_have_the_signs_of_the_weights():
    network = db.BinaryMLP(2, (1,))
    for latents, message in (
        ([[[0.5, 0.5]], [[-0.5]]], "signs of the latents of layer 1 are not its weights"),
        ([[[-0.5, 0.5]], [[0.5]]], "signs of the latents of layer 0"),
        ([[[1e300, 0.5]], [[0.5]]], "latents of layer 0 are not all finite numbers"),
        ([[[np.nan, 0.5]], [[0.5]]], "latents of layer 0 are not all finite numbers"),
        (torch.ones(2, requires_grad=True), "latents have the shapes"),
        ({"0.weight": [[1, 1]], "1.weight": [[1]]}, "latents are a dict; give its arrays in the order of the layers"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            db.Solution(network, [[[1, 1]], [[1]]], latents)
    with pytest.raises(InvalidInputError, match="ties"):
        db.Solution(network, [[[1, 1]], [[1]]], None, np.ones((1, 3)))
    assert db.Solution(network, [[[1, 1]], [[1]]], [[[0.0, -0.0]], [[1]]]).latents is not None
    for kind in ({"requires_grad": True}, {"dtype": torch.bfloat16}):
        tensors = [torch.tensor([[1.0, -1.0]], **kind), torch.tensor([[1.0]], **kind)]
        assert db.Solution(network, tensors, tensors).flat.tolist() == [1, -1, 1]


def test_sizes_of_numpy_are_the_same_network():
    assert repr(db.BinaryMLP(np.int64(5), [np.int32(3)])) == repr(db.BinaryMLP(5, (3,)))


def test_bad_arguments_are_one_clear_line(tmp_path):
    network, data = drawn("binary")
    with pytest.raises(InvalidInputError, match="device='cuda:99' cannot be used"):
        training.fit(network, data, db.SGD(epochs=0), 0, device="cuda:99")
    with pytest.raises(InvalidInputError, match="device='gpu' cannot be used"):
        training.fit(network, data, db.SGD(epochs=0), 0, device="gpu")
    with pytest.raises(InvalidInputError, match="device='hpu' cannot be used"):
        training.fit(network, data, db.SGD(epochs=0), 0, device="hpu")
    with pytest.raises(InvalidInputError, match="dtype='float16'"):
        training.fit(network, data, db.SGD(epochs=0), 0, dtype="float16")
    with pytest.raises(InvalidInputError, match="3 classes need 3"):
        training.fit(network, drawn("classes")[1], db.SGD(epochs=0), 0)
    for wrong in (3, [], np.zeros((0,))):
        with pytest.raises(InvalidInputError, match="seeds="):
            training.fit_many(network, data, db.SGD(epochs=0), wrong)
    assert len(training.fit_many(network, data, db.SGD(epochs=0), np.arange(2))) == 2
    for wrong in (5, [[1], [2, 3]], "start", np.ones((1, 1, 4))):
        for file in (None, tmp_path / "run.pt"):
            with pytest.raises(InvalidInputError, match="start"):
                training.fit(network, data, db.SGD(epochs=0), 0, wrong, checkpoint=file)
    with pytest.raises(InvalidInputError, match="learning rate at epoch 1"):
        db.SGD(learning_rate_steps=((0, 1e9), (1, 1e9)))
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
