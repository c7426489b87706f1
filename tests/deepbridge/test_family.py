import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import binland as bl
import deepbridge as db
from binland.errors import InvalidInputError
from binland.sweep.spec import check_settings, load_spec
from binland.sweep.tasks import Cell, PairTask, PlaneTask, SolutionTask, streams, task_identity
from deepbridge.binary.family import FAMILY
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
[measure]
fractions = [0.1, 0.3]
realizations = 3
orders = 2
profile_points = 7
midpoints = 1
plane_points = 4
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
[measure]
fractions = [0.1]
realizations = 2
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


def test_a_sweep_holds_what_the_functions_give(result):
    spec = load_spec(result.with_suffix(".toml"))
    data = bl.load_results(result)
    assert dict(data.sizes) | {"width": 2, "disorder": 2, "algorithm": 2, "solution": 3, "pair": 6} == dict(data.sizes)
    cell = Cell(9, 1, "SGD")
    at = data.sel(width=9, disorder=1, algorithm="SGD")
    network, train = FAMILY.machine(spec, 9, 1), FAMILY.train(spec, 9, 1)
    assert network == db.BinaryMLP(64, (9, 9), 10)
    assert np.array_equal(np.bincount(train.labels), [8] * 10)
    solutions = []
    for k in range(3):
        seeds = {name: stream.seed for name, stream in streams(spec, SolutionTask(cell, k)).items()}
        solution = db.fit(network, train, spec.algorithm("SGD"), seeds["fit"])
        energy = db.local_energy(solution, train, [0.1, 0.3], 3, seeds["local_energy"])
        assert np.array_equal(at.local_energy.sel(solution=k), energy.samples)
        assert float(at.train_error.sel(solution=k)) == solution.error(train)
        assert float(at.test_error.sel(solution=k)) == solution.error(FAMILY.test(spec, 9, 1))
        assert np.array_equal(np.isnan(at.history.sel(solution=k)), [True, False, True, False])
        loaded = bl.load_solution(result, width=9, algorithm="SGD", disorder=1, solution=k)
        assert np.array_equal(loaded.flat, solution.flat)
        assert all(np.array_equal(a, b) for a, b in zip(loaded.latents, solution.latents, strict=True))
        solutions.append(solution)
    seeds = {name: stream.seed for name, stream in streams(spec, PairTask(cell, 0, 2)).items()}
    aligned = db.align(solutions[2], to=solutions[0]).solution
    for symmetry, end in (("raw", solutions[2]), ("aligned", aligned)):
        found = at.isel(pair=1).sel(symmetry=symmetry)
        expected = db.barrier(solutions[0], end, train, 2, seeds[symmetry], 7)
        assert (int(found.start), int(found.end)) == (0, 2)
        assert np.array_equal(found.barrier, expected.samples)
        assert np.array_equal(found.path_error, expected.profile)
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
    assert np.array_equal(FAMILY.train(spec, 5, 0).inputs, FAMILY.train(spec, 9, 0).inputs)
    assert not np.array_equal(FAMILY.train(spec, 5, 0).inputs, FAMILY.train(spec, 5, 1).inputs)


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
    task = SolutionTask(Cell(5, 0, "SGD"), 0)
    assert streams(plain, task) == streams(other, task)
    assert task_identity(plain, task).id != task_identity(other, task).id
    assert task_identity(plain, PlaneTask(task.cell)).id == task_identity(other, PlaneTask(task.cell)).id


def test_convnets_and_profiles(tmp_path):
    (tmp_path / "c.toml").write_text(CONVNET)
    bl.run_sweep(tmp_path / "c.toml", tmp_path / "c.h5", report=lambda progress: None)
    data = bl.load_results(tmp_path / "c.h5")
    assert data.train_error.notnull().all()
    solution = bl.load_solution(tmp_path / "c.h5", width=6, algorithm="ADV")
    assert solution.network == db.BinaryConvNet((1, 8, 8), (3,), (6,), 1, 3, 2)
    (tmp_path / "d.toml").write_text(TOML)
    assert load_spec(tmp_path / "d.toml", "smoke").sizes == [5]
    with pytest.raises(InvalidInputError, match=r"has no table \[cpu\] for that profile; it has \[smoke\]"):
        load_spec(tmp_path / "d.toml", "cpu")


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
        ("width = [5, 9]", "width = [5, 5]", "each width may occur once"),
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
    with FAMILY.one_thread():
        assert counts() == {"1"}
        assert torch.get_num_threads() == 1
    assert counts() == {str(threads)}


def test_the_stamp_covers_every_room(tmp_path, monkeypatch):
    package = shutil.copytree(Path(db.__file__).parent, tmp_path / "deepbridge")
    monkeypatch.setattr(stamps, "__file__", str(package / "common" / "stamp.py"))
    sources, seen = list(package.rglob("*.py")), {stamps.stamp.__wrapped__()}
    for source in sources:
        source.write_text("changed")
        seen.add(stamps.stamp.__wrapped__())
    assert len(seen) == len(sources) + 1 > 20
