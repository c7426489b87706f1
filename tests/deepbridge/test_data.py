import gzip
import http.server
import io
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import binland as bl
import deepbridge as db
from binland.errors import DataError, InvalidInputError
from deepbridge.common import data as data_module
from deepbridge.common import files

FOLDER = os.environ.get("BINLAND_DATA")
needs_files = pytest.mark.skipif(
    not FOLDER, reason="BINLAND_DATA is not set: no MNIST, Fashion-MNIST and CIFAR-10 files"
)


def idx(array):
    return gzip.compress(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """Small files of the right form, whose checksums are taken for the originals'."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    (folder / "mnist").mkdir(parents=True)
    batches = folder / "cifar10" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    contents = {
        f"{half}-{part}-ubyte.gz": idx(array)
        for half, count in (("train", 40), ("t10k", 20))
        for part, array in (
            ("images-idx3", rng.integers(0, 256, (count, 5, 6), np.uint8)),
            ("labels-idx1", np.arange(count, dtype=np.uint8) % 10),
        )
    }
    sums = []
    for name in files._IDX:
        (folder / "mnist" / name).write_bytes(contents[name])
        sums.append(files.hashlib.md5(contents[name]).hexdigest())
    monkeypatch.setitem(files._IDX_SUMS, "mnist", tuple(sums))
    for name in files._CIFAR_SUMS:
        batch = {b"data": rng.integers(0, 256, (20, 3072), np.uint8), b"labels": list(range(10)) * 2}
        octets = pickle.dumps(batch, protocol=2)
        (batches / name).write_bytes(octets)
        monkeypatch.setitem(files._CIFAR_SUMS, name, files.hashlib.md5(octets).hexdigest())
    monkeypatch.delenv("BINLAND_DATA", raising=False)
    return folder


@pytest.mark.parametrize(("name", "shape", "count"), [("mnist", (1, 5, 6), 40), ("cifar10", (3, 32, 32), 100)])
def test_files_are_found_in_a_folder_given_or_set(originals, monkeypatch, name, shape, count):
    train, test = db.load(name, folder=originals)
    assert train.inputs.shape == (count, *shape)
    assert test.n_patterns == 20
    assert set(train.labels) == set(range(10))
    values = train.inputs * train.scale
    assert np.abs(values.mean(axis=(0, 2, 3))).max() < 1e-3
    assert np.abs(values.std(axis=(0, 2, 3)) - 1).max() < 1e-3
    monkeypatch.setenv("BINLAND_DATA", str(originals))
    assert np.array_equal(db.load(name)[0].inputs, train.inputs)


def by_hand(train, test):
    """Zero mean, unit variance, channel by channel, of the train images."""
    mean, std = train.mean(axis=(0, 2, 3), keepdims=True), train.std(axis=(0, 2, 3), keepdims=True)
    return (train - mean) / std, (test - mean) / std


def test_images_and_labels_are_those_of_the_files(originals):
    octets = [gzip.decompress((originals / "mnist" / name).read_bytes()) for name in files._IDX]
    images = [np.frombuffer(part, np.uint8)[16:].reshape(-1, 1, 5, 6) for part in octets[::2]]
    labels = [np.frombuffer(part, np.uint8)[8:] for part in octets[1::2]]
    for found, expected, classes in zip(db.load("mnist", folder=originals), by_hand(*images), labels, strict=True):
        assert np.abs(found.inputs * found.scale - expected).max() < 1 / 4000
        assert np.array_equal(found.labels, classes)
    folder = originals / "cifar10" / "cifar-10-batches-py"
    batches = [pickle.loads((folder / name).read_bytes()) for name in ("data_batch_3", "test_batch")]
    images = [batch[b"data"].reshape(-1, 3, 32, 32) for batch in batches]  # red, green, blue; row by row
    for found, expected, batch in zip(
        db.load("cifar10", folder=originals, batches=(3,)), by_hand(*images), batches, strict=True
    ):
        assert np.abs(found.inputs * found.scale - expected).max() < 1 / 4000
        assert found.labels.tolist() == batch[b"labels"]


def test_a_damaged_member_of_the_archive_is_refused(originals):
    (originals / "cifar10" / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"damaged")
    with pytest.raises(DataError, match="data_batch_2: is not the original"):
        db.load("cifar10", folder=originals)


class _Payload:
    def __init__(self, *call):
        self._call = call

    def __reduce__(self):
        return self._call[0], self._call[1:]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_anything_but_arrays_is_refused_and_not_run(originals, tmp_path, monkeypatch, protocol):
    file = originals / "cifar10" / "cifar-10-batches-py" / "test_batch"
    for wrong in (
        _Payload(os.mkdir, str(tmp_path / "run")),
        _Payload(eval, "open('run', 'w')"),
        {b"data": _Payload(os.mkdir, str(tmp_path / "run")), b"labels": []},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
        {b"data": np.zeros((2, 3071), np.uint8), b"labels": [1, 2]},
        {b"data": {}, b"labels": [1, 2]},
        {b"labels": [1, 2]},
        7,
    ):
        octets = pickle.dumps(wrong, protocol)
        for damaged in (octets, octets[:-1]):
            file.write_bytes(damaged)
            monkeypatch.setitem(files._CIFAR_SUMS, "test_batch", files.hashlib.md5(damaged).hexdigest())
            with pytest.raises(DataError, match="test_batch: is not a batch of CIFAR-10") as caught:
                db.load("cifar10", folder=originals, batches=(1,))
            assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_idx_file_of_another_form_is_refused(originals, monkeypatch):
    sums = list(files._IDX_SUMS["mnist"])
    whole = gzip.decompress((originals / "mnist" / files._IDX[0]).read_bytes())
    for wrong in (b"", whole, *(gzip.compress(part) for part in (b"", whole[:-1], b"x" + whole, whole[:9]))):
        (originals / "mnist" / files._IDX[0]).write_bytes(wrong)
        monkeypatch.setitem(files._IDX_SUMS, "mnist", (files.hashlib.md5(wrong).hexdigest(), *sums[1:]))
        with pytest.raises(DataError, match="is not an IDX file"):
            db.load("mnist", folder=originals)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_what_is_parsed_is_what_was_checked(originals, monkeypatch, name):
    """Every file is opened once: what takes its place after the check is not seen."""
    expected = db.load(name, folder=originals)[0].inputs
    opened = io.open

    def once(file, *arguments, **options):
        with opened(file, "r+b") as there:
            octets = there.read()
            there.truncate(0)
        return io.BytesIO(octets)

    monkeypatch.setattr(io, "open", once)
    assert np.array_equal(db.load(name, folder=originals)[0].inputs, expected)


def test_some_batches_of_cifar10(originals):
    train, _ = db.load("cifar10", folder=originals, batches=(2, 4))
    assert train.n_patterns == 40
    for bad in ((), (1, 1), (6,), 1):
        with pytest.raises(InvalidInputError, match="different numbers from 1 to 5"):
            db.load("cifar10", folder=originals, batches=bad)


def test_files_that_are_not_the_originals_are_refused(originals):
    (originals / "mnist" / files._IDX[0]).write_bytes(b"something else")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: is not the original file \(MD5"):
        db.load("mnist", folder=originals)
    with pytest.raises(DataError, match="is not a folder"):
        db.load("mnist", folder=originals / "none")


def test_without_files_and_network_one_line_says_which_files_go_where(tmp_path, monkeypatch):
    monkeypatch.delenv("BINLAND_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(files._IDX_SOURCES, "fashion-mnist", "http://127.0.0.1:9/")
    with pytest.raises(DataError) as caught:
        db.load("fashion-mnist")
    line = str(caught.value)
    for name in files._IDX:
        assert f"fashion-mnist/{name}" in line
    assert "BINLAND_DATA is not set" in line
    assert "\n" not in line


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Nothing."""


def test_missing_files_are_fetched_once_and_checked(originals, tmp_path, monkeypatch):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(originals / "cifar10" / "cifar-10-batches-py", "cifar-10-batches-py")
    (originals / "cifar.tar.gz").write_bytes(archive.getvalue())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=originals))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        checksum = files.hashlib.md5(archive.getvalue()).hexdigest()
        monkeypatch.setattr(files, "_CIFAR_ARCHIVE", (f"{address}/cifar.tar.gz", checksum))
        monkeypatch.setitem(files._IDX_SOURCES, "mnist", f"{address}/mnist/")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        for name in ("mnist", "cifar10"):
            assert np.array_equal(db.load(name)[0].inputs, db.load(name, folder=originals)[0].inputs)
        wrong = tuple("0" * 32 for _ in files._IDX)
        monkeypatch.setitem(files._IDX_SUMS, "mnist", wrong)
        with pytest.raises(DataError, match="cannot be fetched"):
            db.load("mnist")
    finally:
        server.shutdown()
        server.server_close()
    monkeypatch.undo()


def test_subsets_have_the_same_number_of_every_class(originals):
    train, test = db.load("mnist", folder=originals, per_class=3, test_per_class=1, seed=0)
    assert np.array_equal(np.bincount(train.labels), [3] * 10)
    assert np.array_equal(np.bincount(test.labels), [1] * 10)
    again = db.load("mnist", folder=originals, per_class=3, test_per_class=1, seed=0)
    other = db.load("mnist", folder=originals, per_class=3, test_per_class=1, seed=1)
    assert np.array_equal(train.inputs, again[0].inputs)
    more = db.load("mnist", folder=originals, per_class=2, test_per_class=1, seed=0)
    assert np.array_equal(_places(more[1]), _places(test))  # train images do not decide which test images are drawn
    assert not np.array_equal(train.inputs, other[0].inputs)
    assert np.abs((train.inputs * train.scale).mean()) < 1e-3
    with pytest.raises(InvalidInputError, match="class 0 has only 4 images"):
        db.load("mnist", folder=originals, per_class=5)


def _places(data):
    """Which images these are, whatever their scale."""
    return [np.argsort(row, kind="stable").tolist() for row in data.inputs.reshape(data.n_patterns, -1)]


def test_parity_is_a_binary_task():
    classes, _ = db.load("digits")
    parity, test = db.load("digits", task="parity")
    assert (parity.n_classes, test.n_classes) == (2, 2)
    assert np.array_equal(parity.labels, np.where(classes.labels % 2 == 0, 1, -1))
    with pytest.raises(InvalidInputError, match="parity"):
        db.load("fashion-mnist", task="parity", folder=FOLDER or ".")
    with pytest.raises(InvalidInputError, match="not one of mnist, fashion-mnist, cifar10, digits"):
        db.load("imagenet")


def test_digits_come_with_scikit_learn():
    train, test = db.load("digits")
    assert train.inputs.shape == (1297, 1, 8, 8)
    images, labels = load_digits(return_X_y=True)
    halves = by_hand(*np.split(images.reshape(-1, 1, 8, 8), [1297]))
    for found, expected, classes in zip((train, test), halves, np.split(labels, [1297]), strict=True):
        assert np.abs(found.inputs * found.scale - expected).max() < 1 / 4000
        assert np.array_equal(found.labels, classes)


@needs_files
@pytest.mark.parametrize(
    ("name", "train_size", "shape"),
    [("mnist", 60_000, (1, 28, 28)), ("fashion-mnist", 60_000, (1, 28, 28)), ("cifar10", 10_000, (3, 32, 32))],
)
def test_original_files(name, train_size, shape):
    train, test = db.load(name, batches=(1,))
    assert train.inputs.shape == (train_size, *shape)
    assert test.inputs.shape == (10_000, *shape)
    values = train.inputs * train.scale
    assert abs(values.mean()) < 1e-3
    assert abs(values.std() - 1) < 1e-3
    assert train.largest_sum < 2**24


def test_real_inputs_are_rounded_to_a_grid():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 7))
    data = db.Dataset.from_real(x, np.ones(20, int), 2)
    assert np.abs(data.inputs * data.scale - x).max() <= 1 / 4096
    for bad in (np.full((2, 3), 17.0), np.full((2, 3), np.nan)):
        with pytest.raises(InvalidInputError, match="finite and below 16"):
            db.Dataset.from_real(bad, np.ones(2, int), 2)


def test_bad_data_are_refused():
    with pytest.raises(InvalidInputError, match=r"labels \[2\] are not among those of 2 classes, -1 and 1"):
        db.Dataset(np.ones((2, 3), np.int16), np.array([1, 2]), 2)
    for wrong in ([[1], [1, 2]], [None, 1], torch.ones(2).to_sparse(), 10**400, [10**400, 1]):
        with pytest.raises(InvalidInputError, match="labels are not a rectangular array of numbers"):
            db.Dataset(np.ones((2, 3), np.int16), wrong, 2)
        with pytest.raises(InvalidInputError, match="are not a rectangular array of numbers"):
            db.Dataset.from_real(np.ones((2, 3)), wrong, 2)
    for tensor in (torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16)):
        assert db.Dataset(np.ones((2, 3), np.int16), tensor, 2).labels.tolist() == [1, 1]
        assert db.Dataset.from_real(tensor[:, None], [1, 1], 2).inputs.tolist() == [[2048], [2048]]
    for labels, n_classes in (([0.5, 1], 3), ([np.nan, 1], 3), ([3, 1], 3), ([-1, 1], 3), ([0, 1], 2)):
        with pytest.raises(InvalidInputError, match="are not among those"):
            db.Dataset(np.ones((2, 3), np.int16), np.array(labels), n_classes)
    with pytest.raises(InvalidInputError, match="inputs are not a rectangular array of numbers"):
        db.Dataset.from_real([[1], [1, 2]], [1, 1], 2)
    with pytest.raises(InvalidInputError, match="labels of shape"):
        db.Dataset(np.ones((2, 3), np.int16), np.array([1]), 2)
    with pytest.raises(InvalidInputError, match="from_real"):
        db.Dataset(np.ones((2, 3)), np.array([1, 1]), 2)
    with pytest.raises(InvalidInputError, match="add up to"):
        db.Dataset(np.full((1, 70_000), 32767, np.int16), np.array([1]), 2)


def test_random_labels_are_independent_of_the_true_ones():
    train, _ = db.load("digits")
    drawn = train.with_random_labels(0)
    assert np.array_equal(drawn.inputs, train.inputs)
    assert 0.05 < np.mean(drawn.labels == train.labels) < 0.15
    assert np.bincount(drawn.labels).min() > 90
    patterns = bl.Patterns.random(50, 4, 0)
    assert np.array_equal(
        db.Dataset.from_patterns(patterns).with_random_labels(3).labels, patterns.with_random_labels(3).labels
    )


def test_networks_refuse_what_they_cannot_be_and_read():
    with pytest.raises(InvalidInputError, match="hidden"):
        db.BinaryMLP(3, (0,))
    with pytest.raises(InvalidInputError, match="fixed_output"):
        db.BinaryMLP(3, (), fixed_output=True)
    with pytest.raises(InvalidInputError, match="too small"):
        db.BinaryConvNet((1, 8, 8), (3, 3), (4,))
    train, _ = db.load("digits", per_class=1)
    solution = db.Solution(db.BinaryMLP(5, (), 10), [np.ones((10, 5), np.int8)])
    with pytest.raises(InvalidInputError, match="5 inputs but the data"):
        solution.error(train)
    with pytest.raises(InvalidInputError, match="shapes"):
        db.Solution(db.BinaryMLP(5, (), 10), [np.ones((10, 4), np.int8)])
    with pytest.raises(InvalidInputError, match="values other than"):
        db.Solution(db.BinaryMLP(5, (), 10), [np.zeros((10, 5), np.int8)])
    with pytest.raises(InvalidInputError, match="different networks"):
        db.hamming(solution, db.Solution(db.BinaryMLP(4, (), 10), [np.ones((10, 4), np.int8)]))


def test_the_papers_convnet():
    network = db.BinaryConvNet()
    shapes = [(20, 3, 5, 5), (50, 20, 5, 5), (2001, 1250), (2001, 2001), (2001, 2001), (10, 2001)]
    assert list(network.weight_shapes) == shapes


def test_the_files_lie_where_the_documentation_says():
    page = (Path(__file__).parents[2] / "docs" / "howto" / "own_data.md").read_text()
    places = re.findall(r"`((?:fashion-)?mnist|cifar10)/([^`]*\*[^`]*)`", page)
    assert [name for name, _ in places] == ["mnist", "fashion-mnist", "cifar10"]
    for name, pattern in places[:2]:
        assert all(Path(name, file).match(f"{name}/{pattern}") for file in files._IDX)
    assert places[2][1] == f"{files._CIFAR_FOLDER}/*"


def test_a_rare_bright_pixel_comes_to_lie_at_the_end_of_the_grid():
    images = np.zeros((1000, 1, 1, 1), np.uint8)
    images[0] = 255
    table = data_module._steps(images)[0]
    assert table[255] == 32767
    assert np.all(np.diff(table.astype(int)) >= 0)


def test_many_classes_cost_no_memory():
    """Ten million of them would be an array of 80 MB."""
    tracemalloc.start()
    data = db.Dataset(np.ones((2, 3), np.int16), np.array([0, 10**8 - 1]), 10**8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.classes.tolist() == [0, 10**8 - 1]
    assert peak < 10**6


def test_digits_without_scikit_learn_are_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="scikit-learn's, which is not here") as caught:
        db.load("digits")
    assert "\n" not in str(caught.value)


def test_sizes_may_be_an_array():
    assert db.BinaryMLP(5, np.array([4, 3])) == db.BinaryMLP(5, (4, 3))
    for bad in (np.array([1.0, 2.0]), np.array(3), np.ones((1, 1), int), np.array(["a"])):
        with pytest.raises(InvalidInputError, match="hidden"):
            db.BinaryMLP(5, bad)


def test_what_networks_of_every_kind_share_does_without_numba():
    code = (
        "import sys, importlib, pkgutil; sys.modules['numba'] = None; import deepbridge.common as c;"
        "[importlib.import_module(m.name) for m in pkgutil.iter_modules(c.__path__, 'deepbridge.common.')];"
        "import deepbridge as db; train, test = db.load('digits'); print(train.with_random_labels(0).n_patterns)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "1297\n"), found.stderr
