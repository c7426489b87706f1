"""Result files, journals and locks as a stranger could make them: every kind of lie that we could think of.

`KINDS` maps a name to a function that spoils the file at a path; `secret` is a file that its maker could not read.
Changed files get a right seal, so that it protects nobody here.
"""

import json
import os
import shutil
import socket
import zlib
from pathlib import Path

import h5py
import numpy as np

from binland.sweep.store.journal import BEGINNING, HEADER, MAGIC
from binland.sweep.store.seal import LENGTH
from binland.sweep.store.store import journal_path
from tests.sweep.small import changed

TOKEN = "the secret of another user"
ESCAPE = "\x1b]0;owned\x07\x9b31m\u202e"
KINDS = {}


def kind(function):
    KINDS[function.__name__] = function
    return function


def inside(function):
    """A kind that changes the open HDF5 file."""

    def spoil(path, secret):
        with changed(path) as file:
            function(file, secret)

    KINDS[function.__name__] = spoil
    return function


HUGE = 20 * 2**30


def a_journal_of_twenty_gigabytes(path):
    """With one record; it takes no room on the disk."""
    journal(path)
    begin = BEGINNING.pack(MAGIC, HUGE)
    with journal_path(path).open("ab") as file:
        file.write(HEADER.pack(MAGIC, HUGE, zlib.crc32(begin), 0))
        file.truncate(file.tell() + HUGE)


def a_lock_of_twenty_gigabytes(path):
    with path.with_name(f"{path.name}.lock").open("wb") as file:
        file.truncate(HUGE)


def each(names, /, **of):
    """Kinds that differ in a name and a value."""

    def register(function):
        for name, value in of.items():

            def spoil(path, secret, value=value):
                with changed(path) as file:
                    function(file, value)

            KINDS[f"{names}_{name}"] = spoil
        return function

    return register


def replaced(file, name, **options):
    attributes = dict(file[name].attrs)
    del file[name]
    made = file.create_dataset(name, **options)
    for key in ("long_name", "units"):
        if key in attributes:
            made.attrs[key] = attributes[key]
    return made


# What leads out of the file


@inside
def weights_in_another_file(file, secret):
    shape, size = file["weights"].shape, file["weights"].size
    replaced(file, "weights", shape=shape, dtype="u1", external=[(str(secret), 0, size)])


@inside
def failures_in_another_file(file, secret):
    file["solution_state"][...] = 2
    shape = file["solution_failure"].shape
    replaced(file, "solution_failure", shape=shape, dtype="S3", external=[(str(secret), 0, 3 * int(np.prod(shape)))])


@inside
def an_unknown_variable_in_another_file(file, secret):
    file.create_dataset("mine", (8,), "u1", external=[(str(secret), 0, 8)])


@inside
def a_virtual_variable(file, secret):
    shape = file["train_error"].shape
    source = h5py.VirtualSource(str(secret), "x", shape=shape)
    layout = h5py.VirtualLayout(shape=shape, dtype="f8")
    layout[...] = source
    del file["train_error"]
    file.create_virtual_dataset("train_error", layout)


@inside
def an_external_link(file, secret):
    del file["train_error"]
    file["train_error"] = h5py.ExternalLink(str(secret), "/x")


@kind
def an_external_link_to_a_fifo(path, secret):
    os.mkfifo(path.with_suffix(".fifo"))
    with changed(path) as file:
        file["mine"] = h5py.ExternalLink(str(path.with_suffix(".fifo")), "/x")


@inside
def a_soft_link(file, secret):
    del file["train_error"]
    file["train_error"] = h5py.SoftLink("/test_error")


@inside
def a_soft_link_to_itself(file, secret):
    file["mine"] = h5py.SoftLink("/mine")


@inside
def a_group_that_holds_itself(file, secret):
    file.create_group("mine")
    file["mine/mine"] = file["mine"]


@inside
def thousands_of_groups(file, secret):
    for k in range(3000):
        file.create_group(f"mine{k}")


# Shapes, types, ways of storage


@each("states", smaller=(1, 2, 2, 2), scalar=(), flat=(16,), larger=(2, 2, 2, 3))
def states_of_another_shape(file, shape):
    replaced(file, "solution_state", shape=shape, dtype="i1")


@inside
def a_variable_of_a_million_million_entries(file, secret):
    chunks = (1, 1, 1, 1000)
    replaced(file, "train_error", shape=(10**3, 10**3, 10**3, 10**3), dtype="f8", chunks=chunks)


@inside
def an_unknown_variable_of_seven_gigabytes(file, secret):
    made = file.create_dataset("mine", (7 * 10**9,), "u1", chunks=(2**24,), compression="gzip")
    made[:10] = 1


@inside
def a_variable_without_end(file, secret):
    replaced(file, "train_error", shape=(2, 2, 2, 2), maxshape=(None, 2, 2, 2), dtype="f8", chunks=(10**4, 2, 2, 2))


@inside
def a_variable_without_a_shape(file, secret):
    replaced(file, "train_error", data=h5py.Empty("f8"))


@inside
def a_variable_that_is_a_group(file, secret):
    del file["solution_state"]
    file.create_group("solution_state")


@inside
def a_variable_that_is_a_type(file, secret):
    del file["solution_state"]
    file["solution_state"] = np.dtype("f8")


@inside
def a_variable_that_is_missing(file, secret):
    del file["path_error"]


@inside
def a_coordinate_that_is_missing(file, secret):
    del file["fraction"]


@each(
    "states",
    as_text=h5py.string_dtype(),
    as_floats=np.dtype("f8"),
    as_pairs=np.dtype([("a", "i1"), ("b", "i1")]),
    of_other_bytes=np.dtype(">i2"),
    as_lists=h5py.vlen_dtype(np.dtype("i4")),
    as_references=h5py.ref_dtype,
    as_names=h5py.enum_dtype({"a": 0, "b": 1}, basetype="i1"),
    as_bytes=np.dtype("V1"),
    as_arrays=np.dtype(("i1", (3,))),
)
def states_of_another_type(file, dtype):
    replaced(file, "solution_state", shape=(2, 2, 2, 2), dtype=dtype)


@inside
def failures_that_are_numbers(file, secret):
    file["solution_state"][...] = 2
    replaced(file, "solution_failure", shape=(2, 2, 2, 2), dtype="f8")


@each("failures", short="S4", long="S1000000", huge="S50000000")
def failures_of_one_length(file, dtype):
    file["solution_state"][...] = 2
    replaced(file, "solution_failure", shape=(2, 2, 2, 2), dtype=dtype, chunks=(1, 1, 1, 1), compression="gzip")


@inside
def ids_of_one_length(file, secret):
    replaced(file, "solution_id", data=file["solution_id"][...].astype("S64"))


@inside
def failures_that_were_never_written(file, secret):
    file["solution_state"][...] = 2
    text = h5py.string_dtype()
    replaced(file, "solution_failure", shape=(2, 2, 2, 2), dtype=text, chunks=(1, 1, 1, 1), fillvalue=b"x" * 2 * 10**7)


@inside
def no_lists_of_dimensions(file, secret):
    for name in file:
        for key in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS"):
            file[name].attrs.pop(key, None)


@inside
def a_filter_that_is_not_here(file, secret):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((1, 1, 2, 2))
    properties.set_filter(32_000, h5py.h5z.FLAG_OPTIONAL, (1,))
    del file["train_error"]
    space, kind = h5py.h5s.create_simple((2, 2, 2, 2)), h5py.h5t.IEEE_F64LE
    h5py.h5d.create(file.id, b"train_error", kind, space, properties)


@kind
def a_damaged_chunk(path, secret):
    with changed(path) as file:
        info = file["weights"].id.get_chunk_info(0)
        file.attrs["title"] = "x"
    octets = bytearray(path.read_bytes()[:-LENGTH])
    octets[info.byte_offset : info.byte_offset + info.size] = bytes(info.size)
    path.write_bytes(octets)
    with changed(path):
        pass


# Values


@each("seconds", endless=-np.inf, huge=1e300, negative=-1.0, missing=np.nan)
def seconds_that_are_none(file, value):
    file["solution_seconds"][...] = value


@inside
def a_state_that_is_none(file, secret):
    file["pair_state"][0, 0, 0, 0] = 7


@each("energies", infinite=np.inf, huge=1e308, missing=np.nan, negative=-5.0)
def energies_that_are_none(file, value):
    for name in ("train_error", "test_error", "local_energy", "barrier", "distance", "path_error"):
        file[name][...] = value


@each("coordinate", n_inputs=17, start=1, fraction=0.0578, disorder=5, position=0.5)
def coordinates_that_do_not_fit(file, value):
    name = {17: "n_inputs", 1: "start", 0.0578: "fraction", 5: "disorder", 0.5: "position"}[value]
    file[name][0] = value


@each("failure", escape=ESCAPE.encode(), not_utf8=b"\xff\xfe\x80", long=b"x" * 10**6)
def failures_of_all_kinds(file, text):
    file["solution_state"][...] = 2
    replaced(file, "solution_failure", data=np.full((2, 2, 2, 2), text, object), dtype=h5py.string_dtype())


@inside
def ids_that_are_no_ids(file, secret):
    file["solution_id"][...] = "../../x" + ESCAPE


# Attributes


@each(
    "config",
    no_json="{",
    a_list="[1]",
    a_number="1",
    empty="",
    nested="[" * 10**5,
    escape=json.dumps({"model": {"kind": ESCAPE}}),
    foreign=json.dumps({"model": {"kind": "nobody's"}, "grid": {"n_inputs": [3]}}),
    array=np.arange(5),
    numeric=5,
    names=np.array(["a", "b"], h5py.string_dtype()),
    not_utf8=np.bytes_(b"\xff\xfe"),
)
def configurations_that_are_none(file, value):
    file.attrs["config"] = value


def _with_config(change):
    def spoil(path, secret):
        with changed(path) as file:
            settings = json.loads(file.attrs["config"])
            change(settings)
            file.attrs["config"] = json.dumps(settings)

    return spoil


KINDS["config_of_other_sizes"] = _with_config(lambda settings: settings["grid"].update(n_inputs=[29, 31]))
KINDS["config_of_millions"] = _with_config(lambda settings: settings["grid"].update(disorder_samples=10**6))
KINDS["config_of_other_fractions"] = _with_config(lambda settings: settings["measure"].update(fractions=[0.1, 0.2]))
KINDS["config_of_many_weights"] = _with_config(lambda settings: settings["model"].update(n_hidden=10**7))
KINDS["config_of_many_numbers"] = _with_config(lambda settings: settings["measure"].update(realizations=5 * 10**6))
KINDS["config_of_a_long_title"] = _with_config(lambda settings: settings.update(title="x" * 10**6))
KINDS["config_of_a_long_label"] = _with_config(
    lambda settings: settings["algorithms"].update({"x" * 10**6: {"kind": "SGD", "epochs": 7}})
)
KINDS["config_of_another_seed"] = _with_config(lambda settings: settings.update(seed=4))


@each("schema", missing=None, number=3, unknown="binland-sweep-99", escape=ESCAPE, old="binland-sweep-1")
def schemas_that_are_none(file, value):
    del file.attrs["schema"]
    if value is not None:
        file.attrs["schema"] = value


@inside
def a_title_that_writes_to_the_terminal(file, secret):
    file.attrs["title"] = ESCAPE
    settings = json.loads(file.attrs["config"])
    file.attrs["config"] = json.dumps(settings | {"title": "\x9b31m\u202e"})


@each("runs", no_json="{", a_number="5", a_list="[1, 2]", numeric=7, long=json.dumps([{"pid": 1}] * 1000))
def runs_that_are_none(file, value):
    file.attrs["runs"] = value


@inside
def thousands_of_attributes(file, secret):
    for k in range(3000):
        file.attrs[f"mine{k}"] = "x"


@inside
def a_file_without_an_id(file, secret):
    del file.attrs["file_id"]


# The seal and the bytes before it


@kind
def a_wrong_seal(path, secret):
    octets = bytearray(path.read_bytes())
    octets[-5] ^= 1
    path.write_bytes(octets)


@kind
def two_seals(path, secret):
    octets = path.read_bytes()
    path.write_bytes(octets + octets[-LENGTH:])


@kind
def no_seal(path, secret):
    path.write_bytes(path.read_bytes()[:-LENGTH])


@kind
def zeros_in_the_middle(path, secret):
    octets = bytearray(path.read_bytes())
    octets[3437:3501] = bytes(64)
    path.write_bytes(octets)


def old(function):
    """A kind that changes a file of a schema without seals."""

    def spoil(path, secret):
        shutil.copyfile(Path(__file__).parents[1] / "golden" / "binland-sweep-2.h5", path)
        with h5py.File(path, "r+") as file:
            function(file)

    KINDS[function.__name__] = spoil
    return function


@old
def an_old_file_with_long_texts(file):
    for k in range(4):
        file.create_dataset(f"mine{k}", (4,), "S500000000", chunks=(1,), compression="gzip")[:1] = b"x"


@old
def an_old_file_with_texts_that_were_never_written(file):
    shape, text = file["solution_failure"].shape, h5py.string_dtype()
    replaced(file, "solution_failure", shape=shape, dtype=text, chunks=(1, 1, 1, 1), fillvalue=b"x" * 2 * 10**8)


@old
def an_old_file_that_reads_one_text_again_and_again(file):
    """Every text is kept as a reference to the bytes of the first."""
    shape, text = file["solution_failure"].shape, h5py.string_dtype()
    made = replaced(file, "solution_failure", shape=shape, dtype=text, chunks=shape)
    made[...] = ""
    made[0, 0, 0, 0] = b"x" * 2 * 10**8
    file.flush()
    _, octets = made.id.read_direct_chunk((0, 0, 0, 0))
    made.id.write_direct_chunk((0, 0, 0, 0), octets[:16] * int(np.prod(shape)))


@kind
def half_a_file(path, secret):
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) // 2])


# What lies beside the file


def journal(path, *records, owner=True):
    """A journal of the file with right checksums. A record is facts (or the bytes of its line) and further bytes."""
    with h5py.File(path) as file:
        writer = {"event": "writer", "file": file.attrs["file_id"] if owner else "another"}
    octets = b""
    for line, rest in [(writer, b""), *records]:
        body = (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" + rest
        begin = BEGINNING.pack(MAGIC, len(body))
        octets += HEADER.pack(MAGIC, len(body), zlib.crc32(begin), zlib.crc32(body)) + body
    journal_path(path).write_bytes(octets)


TASK = ["solution", 21, 0, "SGD", 0]
END = {"event": "end", "task": TASK, "seconds": 1.0}


def _facts(**of):
    for name, record in of.items():
        record = record if isinstance(record, tuple) else (record, b"")

        def spoil(path, secret, record=record):
            journal(path, record)

        KINDS[f"journal_{name}"] = spoil


_facts(
    task_number=END | {"task": 5},
    task_text=END | {"task": "solution"},
    task_empty=END | {"task": []},
    task_unknown=END | {"task": ["nothing", 21, 0, "SGD", 0]},
    task_disorder=END | {"task": ["solution", 21, 99, "SGD", 0]},
    task_negative=END | {"task": ["solution", 21, -1, "SGD", 0]},
    task_true=END | {"task": ["solution", 21, True, "SGD", 0]},
    task_float=END | {"task": ["solution", 21.0, 0, "SGD", 0]},
    task_size=END | {"task": ["solution", 23, 0, "SGD", 0]},
    task_label=END | {"task": ["solution", 21, 0, ESCAPE, 0]},
    task_list=END | {"task": ["solution", [21], 0, "SGD", 0]},
    task_solution=END | {"task": ["solution", 21, 0, "SGD", 2]},
    task_pair=END | {"task": ["pair", 21, 0, "SGD", 0, 0]},
    task_pair_outside=END | {"task": ["pair", 21, 0, "SGD", 0, 5]},
    task_bend=END | {"task": ["bend", 21, 0, "SGD", 0, 1, 0]},
    task_plane=END | {"task": ["plane", 21, 0, "SGD"]},
    task_long=END | {"task": [*TASK, *range(1000)]},
    event_unknown=END | {"event": "explosion"},
    event_missing={"task": TASK, "seconds": 1.0},
    seconds_missing={"event": "end", "task": TASK},
    seconds_text=END | {"seconds": "1"},
    seconds_nan=END | {"seconds": float("nan")},
    seconds_nan_of_a_failure=END | {"seconds": float("nan"), "failure": "x"},
    seconds_tiny=END | {"seconds": 5e-324},
    seconds_infinite=END | {"seconds": -float("inf")},
    seconds_huge=END | {"seconds": 10**400},
    failure_number=END | {"failure": 5},
    failure_empty=END | {"seconds": float("nan"), "failure": ""},
    failure_escape=END | {"failure": ESCAPE},
    start_text={"event": "start", "task": TASK, "time": "now"},
    start_missing={"event": "start", "task": TASK},
    start_nan={"event": "start", "task": TASK, "time": float("nan")},
    start_far={"event": "start", "task": TASK, "time": 1e11},
    a_list=[1, 2],
    a_text="x",
    nested=b"[" * 10**5,
    no_json=b"{",
    not_utf8=b'{"x": "\xff"}',
    nothing=b"",
    arrays_huge=END | {"arrays": {"train_error": ["<f8", [10**6, 10**6]]}},
    arrays_negative=END | {"arrays": {"train_error": ["<f8", [-1]]}},
    arrays_objects=(END | {"arrays": {"train_error": ["|O", []]}}, bytes(8)),
    arrays_text=(END | {"arrays": {"train_error": ["<U2", []]}}, bytes(8)),
    arrays_unknown=(END | {"arrays": {"mine": ["<f8", []]}}, bytes(8)),
    arrays_large=(END | {"arrays": {"train_error": ["<f8", [1000]]}}, bytes(8000)),
    arrays_odd=END | {"arrays": {"train_error": ["no type", []]}},
    arrays_list=END | {"arrays": [1]},
    arrays_number=END | {"arrays": 5},
    arrays_missing=END,
)


WHOLE = {
    "train_error": ["<f8", []],
    "test_error": ["<f8", []],
    "local_energy": ["<f8", [2, 3]],
    "history": ["<f8", [4]],
    "weights": ["|u1", [14]],
}


def _arrays(**of):
    """Records that are whole but for one array, which has another type or shape, or is missing."""
    for name, change in of.items():
        arrays = {key: entry for key, entry in (WHOLE | change).items() if entry}
        rest = bytes(sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in arrays.values()))
        _facts(**{f"whole_{name}": (END | {"arrays": arrays}, rest)})


_arrays(
    weights_f8={"weights": ["<f8", [14]]},
    weights_i8={"weights": ["<i8", [14]]},
    weights_bool={"weights": ["|b1", [14]]},
    weights_short={"weights": ["|u1", [3]]},
    weights_none={"weights": ["|u1", [0]]},
    weights_long={"weights": ["|u1", [20]]},
    weights_missing={"weights": None},
    error_bool={"train_error": ["|b1", []]},
    error_f2={"train_error": ["<f2", []]},
    error_f16={"train_error": ["<f16", []]},
    error_turned={"train_error": [">f8", []]},
    error_missing={"test_error": None},
    history_int={"history": ["<i4", [4]]},
)


@kind
def a_journal_of_another_file(path, secret):
    journal(path, (END, b""), owner=False)


@kind
def a_journal_that_is_a_fifo(path, secret):
    os.mkfifo(journal_path(path))


@kind
def a_journal_that_is_a_folder(path, secret):
    journal_path(path).mkdir()


@kind
def a_journal_that_is_a_link(path, secret):
    journal_path(path).symlink_to(secret)


@kind
def a_journal_that_is_a_socket(path, secret):
    here = os.getcwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(journal_path(path).name)
    finally:
        os.chdir(here)


@kind
def a_long_header_in_a_journal(path, secret):
    begin = BEGINNING.pack(MAGIC, 2**62)
    journal_path(path).write_bytes(HEADER.pack(MAGIC, 2**62, zlib.crc32(begin), 0))


@kind
def notes_in_place_of_a_journal(path, secret):
    journal_path(path).write_text(TOKEN)


def _lock(**of):
    for name, text in of.items():

        def spoil(path, secret, text=text):
            path.with_name(f"{path.name}.lock").write_text(text)

        KINDS[f"lock_{name}"] = spoil


_lock(list="[1]", number="5", text=ESCAPE, other='{"pid": 1}', nested="[" * 10**5)


@kind
def a_lock_that_is_a_fifo(path, secret):
    os.mkfifo(path.with_name(f"{path.name}.lock"))


@kind
def a_lock_that_is_a_folder(path, secret):
    path.with_name(f"{path.name}.lock").mkdir()


@kind
def a_lock_that_is_a_link(path, secret):
    path.with_name(f"{path.name}.lock").symlink_to(secret)
