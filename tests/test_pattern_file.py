import os
import random
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import binland as bl
from binland.data import checksum
from binland.errors import DataError, InvalidInputError

PATTERNS = bl.Patterns.random(9, 5, seed=0)
ARRAYS = {"inputs": PATTERNS.inputs, "labels": PATTERNS.labels}


def write(path, kind, arrays, inputs="inputs", labels="labels"):
    """A file of that kind, with arrays by name."""
    named = {inputs: arrays["inputs"], labels: arrays["labels"]}
    if kind == "hdf5":
        with h5py.File(path, "w") as file:
            for name, array in named.items():
                file.create_dataset(name, data=array)
    else:
        with open(path, "wb") as file:
            (np.savez_compressed if kind == "packed" else np.savez)(file, **named)


@given(
    st.integers(1, 20), st.integers(1, 20), st.sampled_from(["npz", "packed", "hdf5", "npy"]),
    st.sampled_from(["i1", "<i8", ">i4", "<f8", ">f4", "f2"]), st.booleans(),
)  # fmt: skip
def test_patterns_come_back_from_every_kind_of_file(tmp_path_factory, n_patterns, n_inputs, kind, dtype, columns):
    folder = tmp_path_factory.mktemp("patterns")
    patterns = bl.Patterns.random(n_patterns, n_inputs, seed=n_patterns)
    arrays = {"inputs": np.array(patterns.inputs, dtype, order="F" if columns else "C"), "labels": patterns.labels}
    if kind == "npy":
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        found = bl.load_patterns(folder / "inputs.npy", labels=folder / "labels.npy")
    else:
        write(folder / "data", kind, arrays)
        found = bl.load_patterns(folder / "data")
    assert np.array_equal(found.inputs, patterns.inputs)
    assert np.array_equal(found.labels, patterns.labels)
    assert checksum(found) == checksum(patterns)


def test_arrays_have_any_names(tmp_path):
    write(tmp_path / "a", "npz", ARRAYS, "x", "y")
    write(tmp_path / "b", "hdf5", ARRAYS, "train/x", "train/y")
    assert checksum(bl.load_patterns(tmp_path / "a", "x", "y")) == checksum(PATTERNS)
    assert checksum(bl.load_patterns(str(tmp_path / "b"), "train/x", "/train/y")) == checksum(PATTERNS)
    with pytest.raises(DataError, match=r"a: has no array 'inputs'; it has x, y: name two with inputs= and labels=$"):
        bl.load_patterns(tmp_path / "a")
    for name in ("inputs", "train", "train/x/z", "train//x", ""):
        with pytest.raises(DataError, match=r"b: has no array '.*'; it has train: name two"):
            bl.load_patterns(tmp_path / "b", name, "train/y")


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": np.zeros((9, 5))}, "inputs holds values other than -1 and \\+1"),
        ({"labels": np.ones(8)}, "9 inputs but 8 labels"),
        ({"inputs": np.ones(9)}, "inputs has shape \\(9,\\)"),
        ({"inputs": np.ones((9, 0))}, "inputs has shape \\(9, 0\\)"),
        ({"inputs": np.ones((9, 5), bool)}, "inputs holds 'bool', not integers or floats; convert it first"),
        ({"labels": np.array([b"+1"] * 9)}, "labels holds .*, not integers or floats"),
        ({"labels": np.ones(9, complex)}, "labels holds 'complex128', not"),
    ],
)
def test_other_arrays_are_refused_in_one_line(tmp_path, kind, arrays, message):
    write(tmp_path / "data", kind, {**ARRAYS, **arrays})
    with pytest.raises(InvalidInputError, match=f"^.*data: {message}"):
        bl.load_patterns(tmp_path / "data")


def test_no_pickle_is_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    np.savez(tmp_path / "trap.npz", inputs=np.array([Trap()], object), labels=PATTERNS.labels)
    np.save(tmp_path / "trap.npy", np.array([Trap()], object), allow_pickle=True)
    for name in ("trap.npz", "trap.npy"):
        with pytest.raises(InvalidInputError, match="holds 'object', not integers or floats"):
            bl.load_patterns(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_other_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "text").write_text("1 -1 1")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(50))
    (tmp_path / "hdf").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    (tmp_path / "npy").write_bytes(b"\x93NUMPY\x09\x00" + bytes(50))
    np.save(tmp_path / "inputs.npy", PATTERNS.inputs)
    os.mkfifo(tmp_path / "pipe")
    for name in ("text", "empty", "zip", "hdf", "npy", "pipe", "missing", ".", "inputs.npy", "a\0b"):
        with pytest.raises(DataError) as caught:
            bl.load_patterns(tmp_path / name, labels=str(tmp_path / "nowhere"))
        assert len(str(caught.value).splitlines()) == 1
    for arguments in ({"path": 3}, {"path": tmp_path / "inputs.npy", "labels": 3}):
        with pytest.raises(InvalidInputError, match="is not a path"):
            bl.load_patterns(**arguments)


def test_what_memory_cannot_hold_is_refused_before_it_is_read(tmp_path, monkeypatch):
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**20)}
    with open(tmp_path / "big.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with zipfile.ZipFile(tmp_path / "big.npz", "w") as archive:
        archive.write(tmp_path / "big.npy", "inputs.npy")
    with h5py.File(tmp_path / "big.h5", "w") as file:
        file.create_dataset("inputs", (2**20, 2**20), "f8")
    for name in ("big.npy", "big.npz", "big.h5"):
        with pytest.raises(InvalidInputError, match=r"would take .* GiB of memory; this machine has"):
            bl.load_patterns(tmp_path / name)
    monkeypatch.setattr("binland.checks.memory", lambda: 2**60)  # what is not there is not waited for either
    for name in ("big.npy", "big.npz"):
        with pytest.raises(DataError, match="8796093022208 bytes of numbers are declared, and 0 are there"):
            bl.load_patterns(tmp_path / name)


def test_no_other_file_is_read_through_one(tmp_path):
    write(tmp_path / "secret.h5", "hdf5", ARRAYS)
    (tmp_path / "raw").write_bytes(PATTERNS.inputs.tobytes())
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["soft"] = h5py.SoftLink("/labels")
        file["outside"] = h5py.ExternalLink("secret.h5", "/inputs")
        file.create_dataset("raw", (9, 5), "i1", external=[(str(tmp_path / "raw"), 0, 45)])
        layout = h5py.VirtualLayout((9, 5), "i1")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "inputs", (9, 5))
        file.create_virtual_dataset("virtual", layout)
        file["labels"] = PATTERNS.labels
    for name in ("soft", "outside", "raw", "virtual"):
        with pytest.raises(DataError, match=r"(has no array|keeps its values in another file)"):
            bl.load_patterns(tmp_path / "links.h5", name)


@pytest.mark.parametrize("kind", ["npz", "packed"])
def test_a_changed_byte_is_an_error_or_changes_nothing(tmp_path, kind):
    path, rng = tmp_path / "data", random.Random(0)
    write(path, kind, ARRAYS)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        assert outcome(path) in ("one line", checksum(PATTERNS))


def outcome(path):
    """Checksum of the patterns, or how long a message is."""
    try:
        return checksum(bl.load_patterns(path))
    except (DataError, InvalidInputError) as error:
        return "one line" if len(str(error).splitlines()) == 1 else str(error)
