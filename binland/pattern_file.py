"""`load_patterns`: read patterns from a .npz, .npy or HDF5 file, which may come from a stranger.

Sizes and types are checked before a value is read, no pickle is loaded, and a file cannot refer to another file.
"""

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from binland.checks import checked_memory, checked_path
from binland.data import Patterns
from binland.disk import file_size, why
from binland.errors import DataError, InvalidInputError, one_line, shown
from binland.extras import needed_by

if TYPE_CHECKING:
    import h5py

Array = NDArray[Any]
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
FILTERS = {1, 2, 3}  # of HDF5: deflate, shuffle, fletcher32
DAMAGE = (  # what zipfile, NumPy and HDF5 make of files that are none of theirs
    OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def load_patterns(path: str | Path, inputs: str = "inputs", labels: str | Path = "labels") -> Patterns:
    """Read patterns from arrays in a .npz, HDF5 or .npy file.

    What kind of file it is, its first bytes say, not its name. The arrays hold integers or floats that are all -1 or
    +1: inputs of shape (P, N) and labels of shape (P,).

    Parameters
    ----------
    path : str or pathlib.Path
        A .npz file (`numpy.savez`) or HDF5 file with both arrays, or a .npy file (`numpy.save`) with the inputs.
    inputs : str, default "inputs"
        Name of the array of inputs; not used for .npy files.
    labels : str or pathlib.Path, default "labels"
        Name of the array of labels; for .npy files the path of the file with the labels.

    Returns
    -------
    Patterns
        The patterns.

    Raises
    ------
    DataError
        If a file is missing, damaged or of another kind, or has no array of that name.
    InvalidInputError
        If values, shapes or types are not those of patterns, or they do not fit into memory.

    Examples
    --------
    >>> import binland as bl, numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "data.npz"
    >>> np.savez(path, inputs=[[1, -1, 1], [-1, -1, 1]], labels=[1, -1])
    >>> bl.load_patterns(path)
    Patterns(n_patterns=2, n_inputs=3)
    """
    path = checked_path("path", path)
    if _kind(path) == "npy":
        found = read_arrays(path, ("", ""), labels)
    else:
        found = read_arrays(path, (_name("inputs", inputs), _name("labels", labels)))
    assert found is not None
    try:
        return Patterns(*found)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None


def read_arrays(
    path: str | Path, names: tuple[str, str], second: str | Path | None = None, optional: bool = False
) -> tuple[Array, Array] | None:
    """Two arrays of numbers from a .npz or HDF5 file, by their names, or from two .npy files.

    second: path of the second .npy file. optional: return None, instead of raising, if the file has neither name.
    Raises as `load_patterns`; values are not checked.
    """
    path = checked_path("path", path)
    kind = _kind(path)
    if kind == "npy":
        if optional:
            return None
        if second is None:
            raise InvalidInputError(f"{path}: is one array; name the file of the labels, too")
        return _npy(path), _npy(checked_path("labels", second))
    if optional and not {*names} & {*_names(path, kind)}:
        return None
    read = _npz if kind == "npz" else _hdf5
    return read(path, names[0]), read(path, names[1])


def _names(path: Path, kind: str) -> list[str]:
    """Names of the arrays in a file."""
    try:
        if kind == "npz":
            with zipfile.ZipFile(path) as archive:
                return [entry.removesuffix(".npy") for entry in archive.namelist()]
        with _opened(path) as file:
            return list(file)
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _kind(path: Path) -> str:
    """Kind of a file by its first bytes, "npz", "npy" or "hdf5"; raises DataError if it is none of the three."""
    try:
        file_size(path)
        with path.open("rb") as file:
            begin = file.read(8)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); give the path of a .npz, .npy or HDF5 file") from None
    for kind, mark in (("npz", b"PK\x03\x04"), ("npy", npy.MAGIC_PREFIX), ("hdf5", b"\x89HDF\r\n\x1a\n")):
        if begin.startswith(mark):
            return kind
    raise DataError(f"{path}: is no .npz, .npy or HDF5 file; write one with numpy.savez(path, inputs=..., labels=...)")


def _name(argument: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{argument}={shown(value)} is not the name of an array; give a text")
    return value


def _npy(path: Path) -> Array:
    """The array of a .npy file."""
    try:
        with path.open("rb") as file:
            return _array(str(path), file, file_size(path))
    except InvalidInputError:
        raise
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _npz(path: Path, name: str) -> Array:
    """An array of a .npz file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if f"{name}.npy" not in archive.namelist():
                raise _missing(path, name, [entry.removesuffix(".npy") for entry in archive.namelist()])
            entry = archive.getinfo(f"{name}.npy")
            with archive.open(entry) as file:
                return _array(f"{path}: {name}", file, entry.file_size)
    except (InvalidInputError, DataError):
        raise
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _array(what: str, file: IO[bytes], length: int) -> Array:
    """An array in NumPy's format, which fills a file of that length; sizes are checked before it is read."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"its format is {shown(version)}")
    shape, columns, dtype = HEADERS[version](file)
    _check_room(what, shape, dtype)
    count = math.prod(shape) * dtype.itemsize
    if file.tell() + count != length:
        raise ValueError(f"{count} bytes of numbers are declared, and {length - file.tell()} are there")
    content = file.read(count)
    if len(content) != count or file.read(1):
        raise ValueError(f"it ends after {len(content)} of {count} bytes of numbers")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if columns else "C")


def _opened(path: Path) -> "h5py.File":
    with needed_by(f"{path}: an HDF5 file", "sweep"):
        import h5py
    return h5py.File(path, "r")


def _hdf5(path: Path, name: str) -> Array:
    """A dataset of an HDF5 file."""
    try:
        with _opened(path) as file:
            found = _found(path, file, name)
            _check_room(f"{path}: {name}", found.shape, found.dtype, found.chunks)
            return found[...]
    except (InvalidInputError, DataError):
        raise
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _found(path: Path, file: "h5py.File", name: str) -> "h5py.Dataset":
    """The dataset of that name, stored in this very file in a known compression; raises DataError if there is none."""
    import h5py

    place = file
    for part in name.strip("/").split("/"):
        if not isinstance(place, h5py.Group) or not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise _missing(path, name, list(file))
        place = place[part]
    if not isinstance(place, h5py.Dataset) or place.shape is None:
        raise _missing(path, name, list(file))
    storage = place.id.get_create_plist()
    if storage.get_external_count() or storage.get_layout() == h5py.h5d.VIRTUAL:
        raise ValueError(f"{shown(name)} keeps its values in another file")
    if not {storage.get_filter(k)[0] for k in range(storage.get_nfilters())} <= FILTERS:
        raise ValueError(f"{shown(name)} is packed in an unknown way")
    return place


def _check_room(what: str, shape: tuple[int, ...], dtype: np.dtype[Any], chunk: tuple[int, ...] | None = None) -> None:
    """Raise InvalidInputError unless it is an array of numbers that fits into memory, with what `Patterns` needs."""
    if dtype.kind not in "iuf":
        raise InvalidInputError(f"{what} holds {shown(str(dtype))}, not integers or floats; convert it first")
    size = math.prod(shape)
    checked_memory(what, (dtype.itemsize + 4) * size + dtype.itemsize * math.prod(chunk or ()))


def _missing(path: Path, name: str, there: list[str]) -> DataError:
    few = one_line(", ".join(sorted(there)[:10]), 200) or "nothing"
    return DataError(f"{path}: has no array {shown(name)}; it has {few}: name two with inputs= and labels=")


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read, or is damaged ({one_line(why(error), 200)}); take it from a copy")
