import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.stamp import hash_of
from binland.sweep import registry
from binland.sweep.config import check_settings, load_spec
from binland.sweep.estimate import estimate
from binland.sweep.execute import draw
from binland.sweep.load import load_problem
from binland.sweep.naming import streams, task_identity
from binland.sweep.tasks import Cell, Task
from deepbridge.binary.family import DEEP
from deepbridge.common import runs
from deepbridge.common import stamp as stamps

PIP = "pip install '.[deep]' in a clone of binland"
TOML = """
seed = 3
[data]
name = "digits"
per_class = 8
test_per_class = 5
[model]
kind = "mlp"
n_hidden_layers = 2
[grid]
width = [5, 9]
disorder_samples = 2
[algorithms.RSGD]
epochs = 4
replicas = 2
learning_rate = 1.0
[algorithms.SGD]
epochs = 4
learning_rate = 0.01
optimizer = "adam"
learning_rate_steps = [[2, 0.5]]
history_every = 2
[measure.local_energy]
fractions = [0.1, 0.3]
realizations = 3
[measure.pair]
orders = 2
profile_points = 7
[measure.bend]
orders = 2
profile_points = 7
midpoints = 1
[measure.plane]
points = 4
[store]
latents = true
[smoke.grid]
width = [5]
disorder_samples = 1
"""
CONVNET = """
[data]
name = "digits"
per_class = 4
task = "parity"
[model]
kind = "convnet"
filters = [3]
filter_size = 3
n_hidden_layers = 1
[grid]
width = [6]
solutions = 2
[algorithms.SGD]
epochs = 2
learning_rate = 1.0
[algorithms.ADV]
epochs = 2
pretrain_epochs = 1
pretrain_optimizer = "adam"
pretrain_learning_rate = 0.01
learning_rate = 1.0
[measure.local_energy]
fractions = [0.1]
realizations = 2
[measure.pair]
profile_points = 5
"""


@pytest.fixture(autouse=True)
def one_thread():
    """As in the tasks of a sweep: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deep")
    (folder / "deep.toml").write_text(TOML)
    bl.run_sweep(folder / "deep.toml", folder / "deep.h5", report=lambda progress: None)
    return folder / "deep.h5"


def seeds_of(spec, kind, cell, *solutions):
    """Seeds of the streams of a task."""
    return {name: stream.seed for name, stream in streams(spec, Task(kind, cell, solutions)).items()}


def test_a_sweep_holds_what_the_functions_give(result):
    spec = load_spec(result.with_suffix(".toml"))
    data = bl.load_results(result)
    assert dict(data.sizes) | {"width": 2, "disorder": 2, "algorithm": 2, "solution": 3, "pair": 6} == dict(data.sizes)
    cell = Cell((1,), 1, "SGD")
    at = data.sel(width=9, disorder=1, algorithm="SGD")
    network, train, test = load_problem(result, width=9, disorder=1)
    assert network == db.BinaryMLP(64, (9, 9), 10)
    assert np.array_equal(np.bincount(train.labels), [8] * 10)
    solutions = []
    for k in range(3):
        seeds = seeds_of(spec, "solution", cell, k) | seeds_of(spec, "local_energy", cell, k)
        solution = db.fit(network, train, spec.at((1,)).algorithms["SGD"], seeds["fit"])
        energy = db.local_energy(solution, train, [0.1, 0.3], 3, seeds["local_energy"])
        assert np.array_equal(at.local_energy.sel(solution=k), energy.samples)
        assert float(at.train_error.sel(solution=k)) == solution.error(train)
        assert float(at.test_error.sel(solution=k)) == solution.error(test)
        assert np.array_equal(np.isnan(at.history.sel(solution=k)), [True, False, True, False])
        loaded = bl.load_solution(result, width=9, algorithm="SGD", disorder=1, solution=k)
        assert np.array_equal(loaded.flat, solution.flat)
        assert all(np.array_equal(a, b) for a, b in zip(loaded.latents, solution.latents, strict=True))
        assert loaded.algorithm == solution.algorithm
        solutions.append(solution)
    seeds = seeds_of(spec, "pair", cell, 0, 2)
    aligned = db.align(solutions[2], to=solutions[0]).solution
    for symmetry, end in (("raw", solutions[2]), ("aligned", aligned)):
        found = at.isel(pair=1).sel(symmetry=symmetry)
        expected = db.barrier(solutions[0], end, train, 2, seeds[symmetry], 7)
        assert (int(found.start), int(found.end)) == (0, 2)
        assert np.array_equal(found.barrier, expected.samples)
        assert np.array_equal(found.path_error, expected.profile)
        assert float(found.barrier_points) == 7
        assert float(found.distance) == db.hamming(solutions[0], end)
        assert float(found.path_error[0]) == solutions[0].error(train)
        assert float(found.path_error[-1]) == solutions[2].error(train)
    others = [db.align(s, to=solutions[0]).solution for s in solutions[1:]]
    plane = db.plane(solutions[0], *others, train, 4)
    assert np.array_equal(at.plane_error.isel(plane=0).sel(symmetry="aligned"), plane.errors)
    assert np.array_equal(at.plane_corner.isel(plane=0).sel(symmetry="aligned"), plane.corners)
    assert at.bend_error.notnull().all()
    assert data.n_weights.values.tolist() == [db.BinaryMLP(64, (h, h), 10).n_weights for h in (5, 9)]


def test_images_are_the_same_for_every_width_and_others_for_every_disorder_sample(result):
    spec = load_spec(result.with_suffix(".toml"))
    narrow, wide, other = (draw(spec, point, disorder).train for point, disorder in (((0,), 0), ((1,), 0), ((0,), 1)))
    assert narrow is wide  # drawn once
    assert not np.array_equal(narrow.inputs, other.inputs)


@pytest.mark.slow
def test_workers_change_no_number(result, tmp_path):
    bl.run_sweep(result.with_suffix(".toml"), tmp_path / "two.h5", workers=2, report=lambda progress: None)
    one, two = bl.load_results(result), bl.load_results(tmp_path / "two.h5")
    for name in one:
        if not name.endswith("seconds"):
            assert one[name].identical(two[name]), name


def test_test_images_and_labels_do_not_name_other_random_streams(result):
    plain = load_spec(result.with_suffix(".toml"))
    settings = plain.resolved()
    settings["data"]["test_per_class"] = 2
    other = check_settings(settings, "changed")
    cell = Cell((0,), 0, "SGD")
    training, errors, plane = Task("solution", cell, (0,)), Task("errors", cell, (0,)), Task("plane", cell, (0, 1, 2))
    assert streams(plain, training) == streams(other, training)
    assert task_identity(plain, errors).id != task_identity(other, errors).id
    for same in (training, plane):
        assert task_identity(plain, same).id == task_identity(other, same).id


def test_convnets_and_profiles(tmp_path):
    (tmp_path / "c.toml").write_text(CONVNET)
    bl.run_sweep(tmp_path / "c.toml", tmp_path / "c.h5", report=lambda progress: None)
    data = bl.load_results(tmp_path / "c.h5")
    assert data.train_error.notnull().all()
    solution = bl.load_solution(tmp_path / "c.h5", width=6, algorithm="ADV")
    assert solution.network == db.BinaryConvNet((1, 8, 8), (3,), (6,), 1, 3, 2)
    (tmp_path / "d.toml").write_text(TOML)
    assert load_spec(tmp_path / "d.toml", "smoke").axes[0].values == (5,)
    with pytest.raises(InvalidInputError, match=r"has no table \[cpu\] for that profile; it has \[smoke\]"):
        load_spec(tmp_path / "d.toml", "cpu")


SIGNS = """
[data]
kind = "hidden-manifold"
n_inputs = 15
latent_dim = 7
n_patterns = 20
n_test = 20
[model]
kind = "mlp"
n_hidden_layers = 1
[grid]
width = [3]
solutions = 2
[algorithms.SGD]
epochs = 2
learning_rate = 1.0
[measure.local_energy]
fractions = [0.1]
realizations = 2
"""
STORAGE = SIGNS.replace("hidden-manifold", "random-labels").replace("latent_dim = 7\n", "")


@pytest.mark.parametrize("text", [SIGNS, STORAGE], ids=["hidden-manifold", "random-labels"])
def test_networks_learn_inputs_of_minus_and_plus_one(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    bl.run_sweep(tmp_path / "s.toml", tmp_path / "s.h5", report=lambda progress: None)
    data = bl.load_results(tmp_path / "s.h5")
    network, train, test = load_problem(tmp_path / "s.h5", width=3)
    assert network == db.BinaryMLP(15, (3,))
    assert type(train) is db.Dataset
    assert set(np.unique(train.inputs)) == {-1, 1} == set(np.unique(train.labels))
    for k in range(2):
        solution = bl.load_solution(tmp_path / "s.h5", width=3, algorithm="SGD", solution=k)
        at = data.sel(width=3, disorder=0, algorithm="SGD", solution=k)
        assert float(at.train_error) == solution.error(train)
        assert float(at.test_error) == solution.error(test)
    assert data.barrier.notnull().all()
    committee = text.replace('"mlp"', '"committee"').replace("n_hidden_layers = 1", "n_hidden = 3")
    committee = committee.replace("width = [3]", "n_inputs = [15]").replace("n_inputs = 15\n", "")
    (tmp_path / "c.toml").write_text(committee)
    shallow = draw(load_spec(tmp_path / "c.toml"), (0,), 0)
    assert np.array_equal(shallow.train.inputs, train.inputs)
    assert np.array_equal(shallow.train.labels, train.labels)


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        (
            "perceptron",
            "",
            "model.kind = 'perceptron' takes inputs .N,. of -1 and .1 and labels -1 and .1, not",
        ),
        ("committee", "n_hidden = 3", "model.kind = 'committee' takes inputs"),
        ("convnet", "width = 3", 'model.kind = "convnet" takes images, not inputs of shape .15,.'),
    ],
)
def test_data_that_a_model_cannot_learn_are_refused_in_one_line(tmp_path, kind, more, message):
    data = (
        'name = "digits"\nkind = "images"' if kind != "convnet" else 'kind = "random-labels"\nn_inputs = 15\nalpha = 1'
    )
    text = f'[data]\n{data}\n[model]\nkind = "{kind}"\n{more}\n'
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_spec(tmp_path / "x.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("points", "expected"), [('"all"', None), ("11", 11), (None, 5)])
def test_a_sweep_says_at_how_many_points_of_a_path_errors_were_counted(tmp_path, points, expected):
    """After every flip with "all", else at evenly spaced ones; profile_points are stored."""
    setting = "" if points is None else f"evaluated_points = {points}\n"
    (tmp_path / "p.toml").write_text(f"{SIGNS}[measure.pair]\nprofile_points = 5\n{setting}")
    bl.run_sweep(tmp_path / "p.toml", tmp_path / "p.h5", report=lambda progress: None)
    spec, data = load_spec(tmp_path / "p.toml"), bl.load_results(tmp_path / "p.h5")
    a, b = (bl.load_solution(tmp_path / "p.h5", width=3, algorithm="SGD", solution=k) for k in range(2))
    train = load_problem(tmp_path / "p.h5", width=3).train
    seeds = seeds_of(spec, "pair", Cell((0,), 0, "SGD"), 0, 1)
    for symmetry, end in (("raw", b), ("aligned", db.align(b, to=a).solution)):
        found = data.sel(width=3, disorder=0, algorithm="SGD", pair=0, symmetry=symmetry)
        path = db.barrier(a, end, train, 5, seeds[symmetry], "all" if expected is None else expected)
        length = round(db.hamming(a, end) * a.network.n_weights)
        assert float(found.barrier_points) == path.n_points == (length + 1 if expected is None else expected)
        assert np.array_equal(found.barrier, path.samples)
        assert found.path_error.shape == (5,)
    for bad in ("1", '"some"', "2.5", "true"):
        with pytest.raises(InvalidInputError, match=r"measure\.pair\.evaluated_points"):
            check_settings(tomllib.loads(f"{SIGNS}[measure.pair]\nevaluated_points = {bad}\n"), "bad")


@dataclass(frozen=True, kw_only=True)
class Biased(bl.Algorithm):
    """Any weights."""

    families = ("mlp",)
    bias: float = 0.5

    def fit(self, network, data, seed, start=None):
        signs = np.where(np.random.default_rng(seed).random(network.n_weights) < self.bias, 1, -1)
        return db.Solution(network, network.split(signs))


def test_own_algorithms_run_in_sweeps_of_networks(tmp_path):
    registry.register(Biased)
    (tmp_path / "o.toml").write_text(
        SIGNS.replace("[measure.local", "[algorithms.Biased]\nbias = 0.25\n[measure.local")
    )
    bl.run_sweep(tmp_path / "o.toml", tmp_path / "o.h5", report=lambda progress: None)
    data, spec = bl.load_results(tmp_path / "o.h5"), load_spec(tmp_path / "o.toml")
    assert data.train_error.notnull().all()
    network, train, _ = load_problem(tmp_path / "o.h5", width=3)
    seed = seeds_of(spec, "solution", Cell((0,), 0, "Biased"), 1)["fit"]
    found = bl.load_solution(tmp_path / "o.h5", width=3, algorithm="Biased", solution=1)
    assert np.array_equal(found.flat, db.fit(network, train, Biased(bias=0.25), seed).flat)
    assert found.algorithm == Biased(bias=0.25)
    expected = estimate(spec)
    assert {group[2] for group in expected.seconds} == {"SGD", "Biased"}


def test_the_names_of_deepbridge_are_not_replaced():
    @dataclass(frozen=True, kw_only=True)
    class SGD(bl.Algorithm):
        """Another one."""

        families: ClassVar = ("mlp",)

        def fit(self, network, data, seed, start=None):
            return None

    with pytest.raises(InvalidInputError, match="of that name; choose another name"):
        registry.register(SGD)


def command(folder, *arguments, block_torch=False, **environment):
    """The command line in a process of its own, with torch hidden if asked for."""
    hide = "import sys; sys.modules['torch'] = None; " if block_torch else ""
    code = f"{hide}from binland.cli import main; main()"
    setting = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=folder, capture_output=True, text=True, env=setting
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TOML.replace('kind = "mlp"', 'kind = "mlp"\nfilters = [3]'), 'filters = \\[3\\] is for kind = "convnet" only'),
        (TOML.replace('kind = "mlp"', 'kind = "mlp"\npool = 3'), "pool = 3 is for kind"),
        (TOML.replace("per_class = 8", "per_class = 8\nbatches = [2]"), "batches = \\[2\\] is for cifar10 only"),
    ],
)
def test_settings_without_effect_are_refused(tmp_path, text, message):
    (tmp_path / "deep.toml").write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        load_spec(tmp_path / "deep.toml")


@pytest.mark.slow
def test_without_torch_shallow_sweeps_run_and_deep_results_are_read(result, tmp_path):
    deep = command(tmp_path, "sweep", result.with_suffix(".toml"), "--out", "x.h5", block_torch=True)
    assert deep.returncode == 2
    assert deep.stderr.splitlines() == [f"error: deep networks need torch: {PIP}"]
    assert not (tmp_path / "x.h5").exists()
    for arguments in (("status", result), ("plot", result, "--out", "f"), ("export", result, "--csv", "x.csv")):
        found = command(tmp_path, *arguments, block_torch=True)
        assert found.returncode == 0, found.stderr
    assert (tmp_path / "f" / "deep_plane_width_9.png").exists()
    (tmp_path / "s.toml").write_text(
        '[model]\nkind = "perceptron"\n[data]\nlatent_dim = 5\nn_patterns = 9\nn_test = 9\n[grid]\nn_inputs = [11]\n'
        "[algorithms.SGD]\nepochs = 2\n"
    )
    shallow = command(tmp_path, "sweep", "s.toml", "--out", "s.h5", "--workers", 1, block_torch=True)
    assert shallow.returncode == 0, shallow.stderr


def test_without_torch_a_name_that_needs_it_says_so():
    hide = "import sys; sys.modules['torch'] = None; import deepbridge as db; db.BinaryMLP(3, (2,)); db.fit"
    found = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True)
    last = found.stderr.splitlines()[-1]
    assert last == f"ModuleNotFoundError: deepbridge.fit needs torch: {PIP}"


def test_missing_images_are_one_line_before_anything_is_written(tmp_path):
    text = TOML.replace('"digits"', '"mnist"')
    (tmp_path / "m.toml").write_text(text)
    nowhere = {"BINLAND_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    found = command(tmp_path, "sweep", "m.toml", "--out", "m.h5", **nowhere)
    assert found.returncode == 2
    assert len(found.stderr.splitlines()) == 1
    assert "mnist/train-images-idx3-ubyte.gz" in found.stderr
    assert not (tmp_path / "m.h5").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("per_class = 8", "", "disorder_samples = 2 are draws of the images"),
        ('name = "digits"', 'name = "svhn"', "data.name"),
        ('name = "digits"', 'name = "cifar10"\ntask = "parity"', "parity"),
        ('kind = "mlp"', 'kind = "convnet"', "too small"),
        ("width = [5, 9]", "width = [5, 5]", "each value may occur once"),
        ("width = [5, 9]", "width = [5, 9]\nn_inputs = [5]", "unknown key grid.n_inputs"),
        ("[[2, 0.5]]", "[[2]]", "learning_rate_steps"),
        ("latents = true", "latents = false", "store.latents = true"),
        ("seed = 3", 'seed = 3\ncompute = {device = "tpu"}', "device"),
    ],
)
def test_bad_configurations_are_one_clear_line(tmp_path, old, new, message):
    (tmp_path / "bad.toml").write_text(TOML.replace(old, new, 1))
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_spec(tmp_path / "bad.toml")
    assert "\n" not in str(caught.value)


def test_a_device_that_is_not_there_is_said_at_once(tmp_path):
    (tmp_path / "g.toml").write_text(TOML.replace("seed = 3", 'seed = 3\ncompute = {device = "cuda:63"}'))
    found = command(tmp_path, "sweep", "g.toml", "--out", "g.h5")
    assert found.returncode == 2
    assert found.stderr.startswith("error: device='cuda:63' cannot be used")
    assert not (tmp_path / "g.h5").exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_inside_a_task_there_is_one_thread_and_afterwards_as_many_as_before(threads):
    def counts():
        return set(re.findall(r"get_max_threads\(\) : (\d+)", torch.__config__.parallel_info()))

    torch.set_num_threads(threads)
    with DEEP.one_thread():
        assert counts() == {"1"}
        assert torch.get_num_threads() == 1
    assert counts() == {str(threads)}


def fresh():
    """The stamp of the files as they are now."""
    hash_of.cache_clear()
    return stamps.stamp.__wrapped__()


@pytest.mark.slow
def test_the_stamp_covers_every_room(tmp_path, monkeypatch):
    package = shutil.copytree(Path(db.__file__).parent, tmp_path / "deepbridge")
    monkeypatch.setattr(stamps, "__file__", str(package / "common" / "stamp.py"))
    sources, seen = list(package.rglob("*.py")), {fresh()}
    for source in sources:
        source.write_text("changed")
        seen.add(fresh())
    assert len(seen) == len(sources) + 1 > 20


def test_the_stamp_does_not_change_with_texts_but_with_constants(tmp_path, monkeypatch):
    package = shutil.copytree(Path(db.__file__).parent, tmp_path / "deepbridge")
    monkeypatch.setattr(stamps, "__file__", str(package / "common" / "stamp.py"))
    source, before = package / "binary" / "training.py", fresh()
    text = source.read_text()
    for changed in (
        f"{text}\n# a comment\n",
        f"{text}\ndef draw():\n    return 1\n",
        text.replace('"""`fit`', '"""`FIT`'),
    ):
        assert changed != text
        source.write_text(changed)
        assert fresh() == before
    source.write_text(text.replace("LONGEST_HISTORY = 10**8", "LONGEST_HISTORY = 10**7"))
    assert fresh() != before


def test_a_checkpoint_outlives_texts_and_not_the_code_behind_its_numbers(tmp_path, monkeypatch):
    patterns, network, file = bl.Patterns.random(9, 5, seed=0), db.BinaryMLP(5, (3,)), tmp_path / "run.pt"
    done = db.fit(network, patterns, db.SGD(epochs=2), 0, checkpoint=file)
    package = shutil.copytree(Path(db.__file__).parent, tmp_path / "deepbridge")
    monkeypatch.setattr(stamps, "__file__", str(package / "common" / "stamp.py"))
    monkeypatch.setattr(runs, "stamp", fresh)
    source = package / "binary" / "descent.py"
    source.write_text(source.read_text() + "\n# a comment\n")
    again = db.fit(network, patterns, db.SGD(epochs=2), 0, checkpoint=file)
    assert np.array_equal(done.latents[0], again.latents[0])
    source.write_text(source.read_text() + "\nCHANGED = 1\n")
    with pytest.raises(InvalidInputError, match=r"another training \(other code\)"):
        db.fit(network, patterns, db.SGD(epochs=2), 0, checkpoint=file)
