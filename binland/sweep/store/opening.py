"""Open a file of results that a stranger may have made: nothing in it is followed or believed before it is checked.

Accepted is what `Layout` describes: plain datasets under hard links, of the declared shapes and types, with the
coordinates that follow from the configuration. HDF5 by itself would read other files of this machine (external storage,
virtual datasets, external links), load filters, and allocate whatever size is declared.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from binland.errors import InvalidInputError, StoreError, one_line, shown
from binland.sweep import older
from binland.sweep.config import check_settings
from binland.sweep.spec import SweepSpec
from binland.sweep.store.declared import layout_from
from binland.sweep.store.layout import SCHEMA, TEXT, Layout, Stored
from binland.sweep.store.probe import check_readable
from binland.sweep.store.seal import State, check_seal

MOST_NAMES = 1000  # objects or attributes at the top of a file
LONGEST_TEXT = 2**24  # letters of an attribute
LONGEST_NAME = 10_000  # letters of a title or a label; configuration files may have fewer
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, UnicodeError)  # HDF5's choice


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The HDF5 file, open for reading; raises StoreError if it is not one, or was changed after it was written."""
    state = _sealed(path)
    if state is None:
        check_readable(path)
    try:
        file = h5py.File(path, "r")
    except BlockingIOError:
        raise StoreError(f"{path}: another program has it open for writing; close it there first") from None
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be read as HDF5 ({one_line(str(error), 300)}); is it a result file, and complete?"
        ) from None
    with file:
        if state is not None and State.of(file.id.get_vfd_handle()) != state:
            file.close()  # it was replaced by a new version in the meantime
            with opened(path) as newer:
                yield newer
            return
        if state is None and attribute(path, file, "schema") == SCHEMA:
            raise StoreError(
                f"{path}: is damaged, or was changed by another program (its checksum is missing); take it from a"
                " copy, or run the sweep anew"
            )
        yield file


def _sealed(path: Path) -> State | None:
    try:
        return check_seal(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); give the path of a result file") from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Context in which errors of HDF5 or NumPy about damaged content become StoreErrors that name the file."""
    try:
        yield
    except DAMAGE as error:
        raise StoreError(
            f"{path}: is damaged ({one_line(str(error), 300)}); take it from a copy, or run the sweep anew"
        ) from None
    except MemoryError:
        raise StoreError(f"{path}: is too large for the memory of this machine; read it on a larger one") from None


READABLE = (*older.SCHEMAS, SCHEMA)


class Declared:
    """What a file says about itself: schema, settings in today's form, layout; and the layout's text, to compare."""

    def __init__(self, schema: str, settings: dict[str, Any], layout: Layout | None, text: str):
        self.schema, self.settings, self.text = schema, older.modern(settings), text
        self._layout, self._given = layout, settings
        self._spec: SweepSpec | None = None

    @property
    def layout(self) -> Layout:
        """The layout: where tasks are stored."""
        assert self._layout is not None
        return self._layout

    def spec(self, path: Path) -> SweepSpec:
        """The sweep; raises StoreError if the settings are not one, or need something that is not installed."""
        if self._spec is None:
            try:
                self._spec = check_settings(self._given, str(path), imports=False, complete=self.schema == SCHEMA)
            except InvalidInputError as error:
                raise StoreError(f"{error}{self._with_plugins()}") from None
        return self._spec

    def _with_plugins(self) -> str:
        """Text naming the plug-ins that may be missing."""
        entries = self.settings.get("plugins")
        tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        names = [str(entry.get("name")) for entry in tables]
        return f" (it was made with plug-ins: --plugin {' --plugin '.join(names)})" if names else ""

    def with_older_layout(self, path: Path) -> "Declared":
        """The same with the layout of an older file, which does not declare it."""
        self._layout = older.layout(self.spec(path))
        return self


def declared(path: Path, file: h5py.File) -> Declared:
    """What a file says about itself, checked."""
    schema = attribute(path, file, "schema")
    if schema not in READABLE:
        raise StoreError(
            f"{path}: is not a binland result of a known schema ({shown(schema)} is none of {', '.join(READABLE)});"
            " give the path of a file made by `binland sweep`, or update binland"
        )
    text = attribute(path, file, "config") or ""
    try:
        settings = json.loads(text)
        if not isinstance(settings, dict):
            raise ValueError("it is no table")
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"{path}: its configuration cannot be read ({one_line(str(error), 300)}); take it from a copy"
        ) from None
    _check_names(path, settings)
    if schema != SCHEMA:
        return Declared(schema, settings, None, text).with_older_layout(path)
    written = attribute(path, file, "layout") or ""
    with reading(path):
        return Declared(schema, settings, layout_from(written), text + written)


def _check_names(path: Path, settings: dict[str, Any]) -> None:
    """Raise StoreError if a title or label is so long that commands would be slow."""
    labels = settings.get("algorithms")
    for name in (settings.get("title"), *(labels if isinstance(labels, dict) else ())):
        if isinstance(name, str) and len(name) > LONGEST_NAME:
            raise StoreError(
                f"{path}: its configuration has a name of {len(name)} letters; at most {LONGEST_NAME}, take the file"
                " from a copy"
            )


def attributes(path: Path, file: h5py.File) -> dict[str, str]:
    """All text attributes of the file, without netCDF's own."""
    with reading(path):
        if len(file.attrs) > MOST_NAMES:
            raise ValueError(f"it has {len(file.attrs)} attributes")
        names = [name for name in file.attrs if not name.startswith("_")]
    found = {name: attribute(path, file, name) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def attribute(path: Path, file: h5py.File, name: str) -> str | None:
    """A text attribute of the file, or None."""
    with reading(path):
        if name not in file.attrs:
            return None
        found = h5py.h5a.open(file.id, name.encode())
        size = found.get_type().get_size()
        if found.get_type().get_class() != h5py.h5t.STRING or found.shape != () or size > LONGEST_TEXT:
            return None
        value = file.attrs[name]
        text = value.decode() if isinstance(value, bytes) else str(value)
        return text if len(text) <= LONGEST_TEXT else None


def check_structure(path: Path, file: h5py.File, layout: Layout, schema: str) -> None:
    """Raise StoreError unless the file holds exactly what its layout describes, and no links to elsewhere."""
    with reading(path):
        if len(file) > MOST_NAMES:
            raise ValueError(f"it has {len(file)} objects")
        for name in file:
            _check_link(file, name)
        for name, stored in layout.datasets(with_ids=schema != READABLE[0]).items():
            _check_dataset(file, name, stored, layout)
        for name, expected in layout.place_labels.items():
            if not _equal(texts(file[name][...]), expected):
                raise ValueError(f"{shown(name)} has other values than its configuration")


def _check_link(file: h5py.File, name: str) -> None:
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{shown(name)} is a link to something else")
    if file.get(name, getclass=True) is h5py.Dataset:
        storage = file[name].id.get_create_plist()
        if storage.get_external_count() or storage.get_layout() == h5py.h5d.VIRTUAL:
            raise ValueError(f"{shown(name)} keeps its values in another file")


def _check_dataset(file: h5py.File, name: str, stored: Stored, layout: Layout) -> None:
    if name not in file or file.get(name, getclass=True) is not h5py.Dataset:
        raise ValueError(f"{name} is missing")
    found, shape = file[name], layout.lengths(stored.dims)
    if found.shape != shape or found.maxshape != shape:
        raise ValueError(f"{name} has the shape {found.shape}, not {shape}")
    text = h5py.check_string_dtype(found.dtype)
    kind = TEXT if text is not None and text.length is None else found.dtype.str
    if kind != (stored.dtype if stored.dtype == TEXT else np.dtype(stored.dtype).str):
        raise ValueError(f"{name} has the type {shown(found.dtype)}, not {stored.dtype}")
    storage = found.id.get_create_plist()
    if not {storage.get_filter(k)[0] for k in range(storage.get_nfilters())} <= FILTERS:
        raise ValueError(f"{name} is packed in an unknown way")
    if kind == TEXT and storage.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        raise ValueError(f"{name} has a text where nothing was written")  # one for each task


def _equal(one: NDArray[Any], two: NDArray[Any]) -> bool:
    """Whether labels are equal, up to how versions of NumPy round positions on a path."""
    return np.allclose(one, two, rtol=0, atol=1e-15) if two.dtype.kind == "f" else np.array_equal(one, two)


def texts(values: NDArray[Any]) -> NDArray[Any]:
    """Values with texts decoded."""
    if values.dtype != object:
        return values
    decoded = [text.decode(errors="backslashreplace") if isinstance(text, bytes) else str(text) for text in values.flat]
    return np.array(decoded, object).reshape(values.shape)
