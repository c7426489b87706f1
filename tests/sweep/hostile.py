"""Result files, journals and locks as a stranger could make them: every kind of lie that we could think of.

`KINDS` maps a name to a function that spoils the file at a path; `secret` is a file that its maker could not read.
Changed files get a right seal, so that it protects nobody here.
"""

import hashlib
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
MEASURES = ("errors", "local_energy", "pair")
PLUGIN, TRACE = "mine_to_import", "it_was_imported"
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


KINDS["config_of_other_sizes"] = _with_config(lambda settings: settings["grid"].update({"data.n_inputs": [29, 31]}))
KINDS["config_of_millions"] = _with_config(lambda settings: settings["grid"].update(disorder_samples=10**6))
KINDS["config_of_other_fractions"] = _with_config(
    lambda settings: settings["measure"]["local_energy"].update(fractions=[0.1, 0.2])
)
KINDS["config_of_many_weights"] = _with_config(lambda settings: settings["model"].update(n_hidden=10**7))
KINDS["config_of_many_numbers"] = _with_config(
    lambda settings: settings["measure"]["local_energy"].update(realizations=5 * 10**6)
)
KINDS["config_of_a_long_title"] = _with_config(lambda settings: settings.update(title="x" * 10**6))
KINDS["config_of_a_long_label"] = _with_config(
    lambda settings: settings["algorithms"].update({"x" * 10**6: {"kind": "SGD", "epochs": 7}})
)
KINDS["config_of_another_seed"] = _with_config(lambda settings: settings.update(seed=4))
KINDS["config_of_the_old_words"] = _with_config(lambda settings: settings.update(measure={"fractions": [0.1, 0.2]}))
KINDS["config_of_no_measures"] = _with_config(lambda settings: settings.update(measure=dict.fromkeys(MEASURES, False)))
KINDS["config_of_measures_that_are_not_here"] = _with_config(lambda settings: settings["measure"].update(mine={"x": 1}))
KINDS["config_of_figures_that_are_not_here"] = _with_config(
    lambda settings: settings.update(figure={ESCAPE: {"x": []}})
)
KINDS["config_of_a_figure_that_is_none"] = _with_config(lambda settings: settings.update(figure=[ESCAPE]))
KINDS["config_of_a_nested_grid"] = _with_config(lambda settings: settings.update(grid=_nested(300)))
KINDS["config_of_many_points"] = _with_config(
    lambda settings: settings["grid"].update({"data.n_inputs": list(range(11, 400_011, 2))})
)


def _nested(depth):
    return {"x": _nested(depth - 1)} if depth else 1


def _lists(depth):
    return [_lists(depth - 1)] if depth else 1


# Plug-ins: code that a file names, and that lies beside it or is installed


def _plugin(**of):
    """PLUGIN is the name of a module in the folder of the commands, which leaves TRACE there if it is imported."""
    for name, entry in of.items():

        def spoil(path, secret, entry=entry):
            source = path.parent / f"{PLUGIN}.py"
            source.write_text(f"import pathlib\npathlib.Path({str(path.parent / TRACE)!r}).write_text('imported')\n")
            given = entry(source) if callable(entry) else entry
            _with_config(lambda settings: settings.update(plugins=given))(path, secret)

        KINDS[f"plugins_{name}"] = spoil


def _checksum(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


_plugin(
    beside=[PLUGIN],
    with_its_checksum=lambda file: [{"name": PLUGIN, "file": str(file), "checksum": _checksum(file)}],
    without_a_file=[{"name": PLUGIN, "file": "", "checksum": ""}],
    relative=lambda file: [{"name": PLUGIN, "file": file.name, "checksum": _checksum(file)}],
    installed=["this"],
    dotted=[f"{PLUGIN}.mine"],
    path=["../../x"],
    escape=[{"name": ESCAPE, "file": ESCAPE, "checksum": ESCAPE}],
    number=5,
    text=PLUGIN,
    table={"name": PLUGIN},
    many=[PLUGIN] * 10**5,
    nested=[[[[PLUGIN]]]],
)


# The layout


@each(
    "layout",
    missing=None,
    no_json="{",
    empty="",
    a_list="[]",
    a_number="1",
    a_text='"x"',
    nothing="null",
    endless="NaN",
    an_empty_table="{}",
    nested="[" * 10**5,
    nested_tables='{"x":' * 10**5,
    escape=json.dumps({ESCAPE: 1}),
    long='{"x": "' + "x" * 10**7 + '"}',
    long_number='{"solutions": ' + "9" * 10**6 + "}",
    huge='{"x": [' + "1," * 10**7 + "1]}",
    array=np.arange(5),
    numeric=5,
    not_utf8=np.bytes_(b"\xff\xfe"),
)
def layouts_that_are_none(file, value):
    del file.attrs["layout"]
    if value is not None:
        _long_attribute(file, value) if isinstance(value, str) else file.attrs.__setitem__("layout", value)


def _long_attribute(file, text):
    """Of any length: HDF5 keeps texts of variable length apart."""
    file.attrs.create("layout", text, dtype=h5py.string_dtype())


def _layout(**of):
    """Layouts that are whole but for one change: a function, or a path into the layout with a new value there."""
    for name, change in of.items():

        def spoil(path, secret, change=change):
            with changed(path) as file:
                layout = json.loads(file.attrs["layout"])
                if callable(change):
                    change(layout)
                else:
                    *place, key, value = change
                    _at(layout, place)[key] = value
                del file.attrs["layout"]
                _long_attribute(file, json.dumps(layout))

        KINDS[f"layout_with_{name}"] = spoil


def _at(layout, place):
    for key in place:
        layout = layout[key]
    return layout


def _more_kinds(count, **change):
    def spoil(layout):
        kind = layout["kinds"][1] | {"variables": {}} | change
        layout["kinds"] += [kind | {"name": f"kind{k}", "dim": f"dim{k}"} for k in range(count)]

    return spoil


def _more_variables(count):
    def spoil(layout):
        like = layout["kinds"][1]["variables"]["train_error"]
        layout["kinds"][1]["variables"] |= {f"x{k}": like for k in range(count)}

    return spoil


def _renamed(new):
    def spoil(layout):
        variables = layout["kinds"][1]["variables"]
        variables[new] = variables.pop("train_error")

    return spoil


_layout(
    # numbers
    negative_samples=("disorder_samples", -1),
    no_samples=("disorder_samples", 0),
    more_samples=("disorder_samples", 3),
    fewer_samples=("disorder_samples", 1),
    millions_of_samples=("disorder_samples", 10**7),
    samples_beyond_all_numbers=("disorder_samples", 10**400),
    samples_that_are_true=("disorder_samples", True),
    samples_that_are_text=("disorder_samples", "2"),
    samples_that_are_floats=("disorder_samples", 2.0),
    negative_solutions=("solutions", -3),
    more_solutions=("solutions", 3),
    one_solution=("solutions", 1),
    millions_of_solutions=("solutions", 10**7),
    thousands_of_solutions=("solutions", 5000),
    negative_states=("states_shown", -1),
    many_states=("states_shown", 99),
    three_states=("states_shown", 3),
    # axes
    no_axes=("axes", []),
    axes_that_are_a_table=("axes", {}),
    many_axes=lambda layout: layout.update(axes=[layout["axes"][0] | {"name": f"x{k}"} for k in range(1000)]),
    ten_axes=lambda layout: layout.update(axes=[layout["axes"][0] | {"name": f"x{k}"} for k in range(10)]),
    two_axes_of_one_name=lambda layout: layout["axes"].append(layout["axes"][0]),
    no_values=("axes", 0, "values", []),
    other_values=("axes", 0, "values", [21, 33]),
    turned_values=("axes", 0, "values", [31, 21]),
    one_value_twice=("axes", 0, "values", [21, 21]),
    values_that_are_text=("axes", 0, "values", ["21", "31"]),
    values_that_are_true=("axes", 0, "values", [True, False]),
    values_that_are_lists=("axes", 0, "values", [[21], [31]]),
    values_that_are_none=("axes", 0, "values", [float("nan"), float("inf")]),
    values_beyond_all_numbers=("axes", 0, "values", [10**400, 31]),
    floats_for_values=("axes", 0, "values", [21.0, 31.0]),
    thousands_of_values=("axes", 0, "values", list(range(100_000))),
    millions_of_values=("axes", 0, "values", list(range(10**6))),
    another_axis=("axes", 0, "name", "width"),
    a_path_for_an_axis=("axes", 0, "name", "../../x"),
    a_root_for_an_axis=("axes", 0, "name", "/"),
    an_empty_axis=("axes", 0, "name", ""),
    an_axis_that_is_disorder=("axes", 0, "name", "disorder"),
    an_axis_that_is_a_variable=("axes", 0, "name", "train_error"),
    control_characters_for_an_axis=("axes", 0, "name", ESCAPE),
    a_nul_for_an_axis=("axes", 0, "name", "a\0b"),
    a_long_axis=("axes", 0, "name", "x" * 10**6),
    a_symbol_of_mathematics=("axes", 0, "symbol", "$" + "\\frac{" * 1000),
    a_long_symbol=("axes", 0, "symbol", "x" * 10**6),
    a_symbol_that_writes_to_the_terminal=("axes", 0, "symbol", ESCAPE),
    a_meaning_that_writes_to_the_terminal=("axes", 0, "meaning", ESCAPE),
    a_key_that_writes_to_the_terminal=("axes", 0, "key", ESCAPE),
    another_key=("axes", 0, "key", "data.alpha"),
    an_axis_without_a_name=lambda layout: layout["axes"][0].pop("name"),
    # labels
    no_labels=("labels", []),
    one_label=("labels", ["SGD"]),
    turned_labels=("labels", ["RSGD", "SGD"]),
    one_label_twice=("labels", ["SGD", "SGD"]),
    numbers_for_labels=("labels", [1, 2]),
    labels_that_write_to_the_terminal=("labels", ["SGD", ESCAPE]),
    a_label_of_nul=("labels", ["SGD", "a\0b"]),
    a_label_of_half_a_letter=("labels", ["SGD", "\ud800"]),
    thousands_of_labels=("labels", [f"x{k}" for k in range(10**5)]),
    a_long_label=("labels", ["SGD", "x" * 10**6]),
    # kinds
    no_kinds=("kinds", []),
    no_trainings=lambda layout: layout["kinds"].pop(0),
    no_errors=lambda layout: layout["kinds"].pop(1),
    no_pairs=lambda layout: layout["kinds"].pop(3),
    one_kind_twice=lambda layout: layout["kinds"].append(layout["kinds"][1]),
    a_kind_more=_more_kinds(1),
    hundreds_of_kinds=_more_kinds(300),
    a_million_kinds=_more_kinds(10**5),
    kinds_of_many_tasks=_more_kinds(900, repeats=2 * 10**6),
    many_repetitions=("kinds", 3, "repeats", 10**7),
    repetitions_without_a_name=("kinds", 3, "repeats", 2),
    negative_repetitions=("kinds", 3, "repeats", -1),
    a_repetition_that_is_a_path=("kinds", 3, "repeat", "../x"),
    a_repetition_that_is_a_variable=("kinds", 3, "repeat", "barrier"),
    a_repetition_that_is_start=("kinds", 3, "repeat", "start"),
    a_kind_of_no_solutions=("kinds", 3, "of", 0),
    a_kind_of_three_solutions=("kinds", 3, "of", 3),
    a_kind_of_a_thousand_solutions=("kinds", 3, "of", 1000),
    trainings_of_two=("kinds", 0, "of", 2),
    trainings_with_repetitions=("kinds", 0, "repeats", 3),
    trainings_across=("kinds", 0, "across", True),
    errors_across=("kinds", 1, "across", True),
    pairs_across=("kinds", 3, "across", True),
    across_that_is_a_number=("kinds", 3, "across", 1),
    a_kind_that_is_a_path=("kinds", 1, "name", "../../x"),
    a_kind_of_control_characters=("kinds", 1, "name", ESCAPE),
    a_kind_of_nothing=("kinds", 1, "name", ""),
    a_kind_of_another_name=("kinds", 1, "name", "mine"),
    a_kind_across_of_nothing=("kinds", 1, "name", "across_"),
    a_kind_that_is_a_dimension=("kinds", 1, "name", "disorder"),
    a_dimension_that_is_a_path=("kinds", 3, "dim", "/pair"),
    a_dimension_of_control_characters=("kinds", 3, "dim", ESCAPE),
    a_dimension_of_two_kinds=("kinds", 3, "dim", "solution"),
    a_dimension_that_is_an_axis=("kinds", 3, "dim", "n_inputs"),
    a_dimension_that_is_inner=("kinds", 3, "dim", "epoch"),
    a_dimension_that_is_disorder=("kinds", 1, "dim", "disorder"),
    a_dimension_that_is_a_variable=("kinds", 3, "dim", "barrier"),
    kinds_that_are_lists=("kinds", [[]]),
    # variables
    another_variable=_renamed("mine"),
    a_variable_that_is_a_path=_renamed("../../x"),
    a_variable_that_is_a_root=_renamed("/"),
    a_variable_of_control_characters=_renamed(ESCAPE),
    a_variable_of_nothing=_renamed(""),
    a_long_variable=_renamed("x" * 10**6),
    a_variable_of_another_kind=_renamed("barrier"),
    a_variable_that_is_a_state=_renamed("solution_state"),
    a_variable_that_is_an_id=_renamed("pair_id"),
    a_variable_that_is_a_coordinate=_renamed("fraction"),
    a_variable_that_is_an_extra=_renamed("n_weights"),
    a_variable_that_is_the_start=_renamed("start"),
    thousands_of_variables=_more_variables(10**5),
    no_variables=("kinds", 1, "variables", {}),
    no_weights=lambda layout: layout["kinds"][0]["variables"].pop("weights"),
    objects=("kinds", 1, "variables", "train_error", "dtype", "O"),
    texts=("kinds", 1, "variables", "train_error", "dtype", "text"),
    bytes_of_any_length=("kinds", 1, "variables", "train_error", "dtype", "V1000000000"),
    a_type_of_many=("kinds", 1, "variables", "train_error", "dtype", "(1000000,1000000)f8"),
    a_type_of_python=("kinds", 1, "variables", "train_error", "dtype", "datetime64[s]"),
    another_type=("kinds", 1, "variables", "train_error", "dtype", "f4"),
    a_type_that_is_a_list=("kinds", 1, "variables", "train_error", "dtype", [["a", "f8"]]),
    dimensions_that_are_not_there=("kinds", 1, "variables", "train_error", "inner", ["nowhere"]),
    dimensions_of_other_kinds=("kinds", 1, "variables", "train_error", "inner", ["pair"]),
    dimensions_of_paths=("kinds", 1, "variables", "train_error", "inner", ["../x"]),
    a_thousand_dimensions=("kinds", 1, "variables", "train_error", "inner", ["epoch"] * 1000),
    one_dimension_twice=("kinds", 3, "variables", "barrier", "inner", ["symmetry", "symmetry"]),
    turned_dimensions=("kinds", 3, "variables", "barrier", "inner", ["order", "symmetry"]),
    dimensions_that_are_text=("kinds", 1, "variables", "train_error", "inner", "epoch"),
    large_errors=("kinds", 1, "variables", "train_error", "large", True),
    small_weights=("kinds", 0, "variables", "weights", "large", False),
    optional_weights=("kinds", 0, "variables", "weights", "optional", True),
    a_unit_that_writes_to_the_terminal=("kinds", 1, "variables", "train_error", "units", ESCAPE),
    a_variable_that_writes_to_the_terminal=("kinds", 1, "variables", "train_error", "meaning", ESCAPE),
    another_meaning=("kinds", 1, "variables", "train_error", "meaning", "something else"),
    # inner dimensions
    no_inner_dimensions=("inner", {}),
    an_inner_dimension_more=lambda layout: layout["inner"].update(mine={"values": 3, "meaning": "", "labelled": True}),
    an_endless_dimension=("inner", "epoch", "values", 2**40),
    an_endless_unused_dimension=lambda layout: layout["inner"].update(
        mine={"values": 2**40, "meaning": "", "labelled": True}
    ),
    an_endless_dimension_without_labels=lambda layout: layout["inner"].update(
        mine={"values": 2**40, "meaning": "", "labelled": False}
    ),
    a_dimension_beyond_all_numbers=("inner", "epoch", "values", 10**400),
    a_negative_dimension=("inner", "epoch", "values", -4),
    an_empty_dimension=("inner", "epoch", "values", 0),
    a_longer_dimension=("inner", "epoch", "values", 5),
    a_shorter_dimension=("inner", "epoch", "values", 3),
    a_dimension_that_is_true=("inner", "epoch", "values", True),
    a_dimension_of_many_numbers=("inner", "fraction", "values", [0.1] * 10**6),
    a_dimension_of_no_numbers=("inner", "fraction", "values", []),
    a_dimension_of_other_numbers=("inner", "fraction", "values", [0.1, 0.2]),
    a_dimension_of_nan=("inner", "fraction", "values", [float("nan"), 0.1]),
    a_dimension_beyond_all_floats=("inner", "fraction", "values", [10**400, 0.1]),
    a_dimension_of_texts=("inner", "fraction", "values", ["a", "b"]),
    a_dimension_of_control_characters_inside=("inner", "symmetry", "values", ["raw", ESCAPE]),
    a_dimension_of_half_a_letter=("inner", "symmetry", "values", ["raw", "\ud800"]),
    a_dimension_of_mixed_labels=("inner", "symmetry", "values", ["raw", 1]),
    a_dimension_without_labels=("inner", "fraction", "labelled", False),
    other_states=("inner", "symmetry", "values", ["raw", "turned"]),
    an_inner_path=lambda layout: layout["inner"].update({"../x": {"values": 3, "meaning": "", "labelled": True}}),
    an_inner_start=lambda layout: layout["inner"].update(start={"values": 2, "meaning": "", "labelled": True}),
    an_inner_axis=lambda layout: layout["inner"].update(n_inputs={"values": 2, "meaning": "", "labelled": True}),
    thousands_of_inner_dimensions=lambda layout: layout["inner"].update(
        {f"x{k}": {"values": 1, "meaning": "", "labelled": True} for k in range(10**5)}
    ),
    # sizes
    no_sizes=("sizes", {}),
    sizes_of_nothing=("sizes", "nowhere", [1, 2]),
    sizes_of_too_few_points=lambda layout: layout["sizes"].update({name: [1] for name in layout["sizes"]}),
    sizes_beyond_the_file=lambda layout: layout["sizes"].update({name: [10**9] * 2 for name in layout["sizes"]}),
    negative_sizes=lambda layout: layout["sizes"].update({name: [-1, -1] for name in layout["sizes"]}),
    sizes_of_nought=lambda layout: layout["sizes"].update({name: [0, 0] for name in layout["sizes"]}),
    sizes_that_are_text=lambda layout: layout["sizes"].update({name: ["1", "2"] for name in layout["sizes"]}),
    # extras
    no_extras=("extras", {}),
    extras_that_are_text=("extras", "n_weights", "values", ["a", "b"]),
    extras_that_are_none=("extras", "n_weights", "values", [None, None]),
    extras_that_are_tables=("extras", "n_weights", "values", [{}, {}]),
    extras_of_another_shape=("extras", "n_weights", "values", [[1, 2], [3, 4]]),
    extras_that_are_ragged=("extras", "n_weights", "values", [[1], [2, 3]]),
    extras_of_nested_lists=("extras", "n_weights", "values", _lists(200)),
    extras_that_are_endless=("extras", "n_weights", "values", [float("inf"), float("nan")]),
    extras_beyond_all_floats=("extras", "n_weights", "values", [10**400, 1]),
    extras_along_nothing=("extras", "n_weights", "dims", ["nowhere"]),
    extras_along_one_axis_twice=("extras", "n_weights", "dims", ["n_inputs", "n_inputs"]),
    extras_along_no_axis=("extras", "n_weights", "dims", []),
    extras_that_are_an_axis=lambda layout: layout["extras"].update(n_inputs=layout["extras"]["n_weights"]),
    extras_that_are_a_variable=lambda layout: layout["extras"].update(train_error=layout["extras"]["n_weights"]),
    extras_that_are_disorder=lambda layout: layout["extras"].update(disorder=layout["extras"]["n_weights"]),
    extras_that_are_a_path=lambda layout: layout["extras"].update({"../x": layout["extras"]["n_weights"]}),
    extras_of_control_characters=lambda layout: layout["extras"].update({ESCAPE: layout["extras"]["n_weights"]}),
    thousands_of_extras=lambda layout: layout["extras"].update(
        {f"x{k}": layout["extras"]["n_weights"] for k in range(10**5)}
    ),
    extras_that_write_to_the_terminal=("extras", "n_weights", "meaning", ESCAPE),
    # words
    no_words=("words", {}),
    words_that_are_numbers=("words", "distance", 5),
    words_of_mathematics=("words", "distance", "$" + "\\frac{" * 1000),
    words_that_write_to_the_terminal=("words", "summary", ESCAPE),
    long_words=("words", "summary", "x" * 10**6),
    # the rest
    something_else=("mine", 1),
    nothing_of_a_part=lambda layout: layout.pop("words"),
)


@each("axis", width=("width", [21, 31]), fractions=("alpha", [0.5, 1.5]))
def another_axis_of_one_mind(file, value):
    """Layout and datasets agree, the configuration does not."""
    name, values = value
    layout = json.loads(file.attrs["layout"])
    layout["axes"][0] |= {"name": name, "values": values, "key": f"data.{name}"}
    layout["extras"] = {}
    file.attrs["layout"] = json.dumps(layout)
    del file["n_inputs"]
    file[name] = np.array(values)


@inside
def another_measure_of_one_mind(file, secret):
    """Layout and datasets agree on a measure that nobody knows."""
    layout = json.loads(file.attrs["layout"])
    kind = layout["kinds"][1]
    kind["name"], kind["variables"] = "mine", {"my_error": kind["variables"]["train_error"]}
    file.attrs["layout"] = json.dumps(layout)
    file.move("train_error", "my_error")
    del file["test_error"]
    for name in ("state", "seconds", "failure", "id"):
        file.move(f"errors_{name}", f"mine_{name}")


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
    for k in range(1):
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


TASK = ["solution", [0], 0, "SGD", [0], 0, ""]
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
    task_table=END | {"task": {"kind": "solution"}},
    task_of_old=END | {"task": ["solution", 21, 0, "SGD", 0]},
    task_unknown=END | {"task": ["nothing", [0], 0, "SGD", [0], 0, ""]},
    task_kind_list=END | {"task": [["solution"], [0], 0, "SGD", [0], 0, ""]},
    task_kind_escape=END | {"task": [ESCAPE, [0], 0, "SGD", [0], 0, ""]},
    task_kind_attribute=END | {"task": ["__class__", [0], 0, "SGD", [0], 0, ""]},
    task_disorder=END | {"task": ["solution", [0], 99, "SGD", [0], 0, ""]},
    task_negative=END | {"task": ["solution", [0], -1, "SGD", [0], 0, ""]},
    task_true=END | {"task": ["solution", [0], True, "SGD", [0], 0, ""]},
    task_float=END | {"task": ["solution", [0], 0.0, "SGD", [0], 0, ""]},
    task_huge=END | {"task": ["solution", [0], 10**400, "SGD", [0], 0, ""]},
    task_point=END | {"task": ["solution", [2], 0, "SGD", [0], 0, ""]},
    task_point_negative=END | {"task": ["solution", [-1], 0, "SGD", [0], 0, ""]},
    task_point_true=END | {"task": ["solution", [True], 0, "SGD", [0], 0, ""]},
    task_point_float=END | {"task": ["solution", [0.0], 0, "SGD", [0], 0, ""]},
    task_point_text=END | {"task": ["solution", "0", 0, "SGD", [0], 0, ""]},
    task_point_number=END | {"task": ["solution", 0, 0, "SGD", [0], 0, ""]},
    task_point_nested=END | {"task": ["solution", [[0]], 0, "SGD", [0], 0, ""]},
    task_point_empty=END | {"task": ["solution", [], 0, "SGD", [0], 0, ""]},
    task_point_long=END | {"task": ["solution", [0, 0], 0, "SGD", [0], 0, ""]},
    task_point_very_long=END | {"task": ["solution", [0] * 10**5, 0, "SGD", [0], 0, ""]},
    task_point_huge=END | {"task": ["solution", [10**400], 0, "SGD", [0], 0, ""]},
    task_point_value=END | {"task": ["solution", [21], 0, "SGD", [0], 0, ""]},
    task_label=END | {"task": ["solution", [0], 0, ESCAPE, [0], 0, ""]},
    task_label_list=END | {"task": ["solution", [0], 0, ["SGD"], [0], 0, ""]},
    task_label_number=END | {"task": ["solution", [0], 0, 0, [0], 0, ""]},
    task_solution=END | {"task": ["solution", [0], 0, "SGD", [2], 0, ""]},
    task_solution_negative=END | {"task": ["solution", [0], 0, "SGD", [-1], 0, ""]},
    task_solution_number=END | {"task": ["solution", [0], 0, "SGD", 0, 0, ""]},
    task_solution_empty=END | {"task": ["solution", [0], 0, "SGD", [], 0, ""]},
    task_solutions=END | {"task": ["solution", [0], 0, "SGD", [0, 1], 0, ""]},
    task_solutions_many=END | {"task": ["solution", [0], 0, "SGD", [0] * 10**5, 0, ""]},
    task_repeat=END | {"task": ["solution", [0], 0, "SGD", [0], 1, ""]},
    task_repeat_negative=END | {"task": ["solution", [0], 0, "SGD", [0], -1, ""]},
    task_repeat_text=END | {"task": ["solution", [0], 0, "SGD", [0], "", ""]},
    task_across=END | {"task": ["solution", [0], 0, "SGD", [0], 0, "RSGD"]},
    task_across_itself=END | {"task": ["pair", [0], 0, "SGD", [0, 1], 0, "SGD"]},
    task_across_nothing=END | {"task": ["across_pair", [0], 0, "SGD", [0, 1], 0, "RSGD"]},
    task_across_list=END | {"task": ["pair", [0], 0, "SGD", [0, 1], 0, ["RSGD"]]},
    task_across_none=END | {"task": ["pair", [0], 0, "SGD", [0, 1], 0, None]},
    task_across_false=END | {"task": ["solution", [0], 0, "SGD", [0], 0, 0]},
    task_pair=END | {"task": ["pair", [0], 0, "SGD", [0, 0], 0, ""]},
    task_pair_outside=END | {"task": ["pair", [0], 0, "SGD", [0, 5], 0, ""]},
    task_pair_of_one=END | {"task": ["pair", [0], 0, "SGD", [0], 0, ""]},
    task_errors_outside=END | {"task": ["errors", [0], 0, "SGD", [2], 0, ""]},
    task_bend=END | {"task": ["bend", [0], 0, "SGD", [0, 1], 0, ""]},
    task_plane=END | {"task": ["plane", [0], 0, "SGD", [0, 1, 2], 0, ""]},
    task_long=END | {"task": [*TASK, *range(1000)]},
    task_short=END | {"task": TASK[:-1]},
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
    "solution": {"history": ["<f8", [4]], "weights": ["|u1", [14]]},
    "errors": {"train_error": ["<f8", []], "test_error": ["<f8", []]},
    "local_energy": {"local_energy": ["<f8", [2, 3]]},
}


def _arrays(kind, /, **of):
    """Records that are whole but for one array, which has another type or shape, or is missing."""
    for name, change in of.items():
        arrays = {key: entry for key, entry in (WHOLE[kind] | change).items() if entry}
        rest = bytes(sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in arrays.values()))
        _facts(**{f"whole_{name}": (END | {"task": [kind, *TASK[1:]], "arrays": arrays}, rest)})


_arrays(
    "solution",
    weights_f8={"weights": ["<f8", [14]]},
    weights_i8={"weights": ["<i8", [14]]},
    weights_bool={"weights": ["|b1", [14]]},
    weights_short={"weights": ["|u1", [3]]},
    weights_none={"weights": ["|u1", [0]]},
    weights_long={"weights": ["|u1", [20]]},
    weights_missing={"weights": None},
    error_of_a_training={"train_error": ["<f8", []]},
    history_int={"history": ["<i4", [4]]},
    history_long={"history": ["<f8", [5]]},
    history_missing={"history": None},
)
_arrays(
    "errors",
    error_bool={"train_error": ["|b1", []]},
    error_f2={"train_error": ["<f2", []]},
    error_f16={"train_error": ["<f16", []]},
    error_turned={"train_error": [">f8", []]},
    error_missing={"test_error": None},
    error_of_two={"train_error": ["<f8", [2]]},
    weights_of_errors={"weights": ["|u1", [14]]},
)
_arrays(
    "local_energy",
    energies_turned={"local_energy": ["<f8", [3, 2]]},
    energies_flat={"local_energy": ["<f8", [6]]},
    energies_long={"local_energy": ["<f8", [2, 4]]},
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
