"""Original files of MNIST, Fashion-MNIST and CIFAR-10: found in a folder or downloaded, checked and parsed."""

import codecs
import gzip
import hashlib
import io
import os
import pickle
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.errors import DataError, InvalidInputError, one_line, shown
from binland.extras import needed_by

VARIABLE = "BINLAND_DATA"
Raw = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images (P, C, height, width), classes (P,)

_IDX = tuple(f"{half}-{part}-ubyte.gz" for half in ("train", "t10k") for part in ("images-idx3", "labels-idx1"))
_IDX_SUMS = {
    "mnist": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion-mnist": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}
_IDX_SOURCES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion-mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
_CIFAR_FOLDER = "cifar-10-batches-py"
_CIFAR_SUMS = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_CIFAR_ARCHIVE = ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a")


class _File(NamedTuple):
    """A file: place in a data folder, MD5 checksum, source (and the checksum of the archive it is in)."""

    place: Path
    checksum: str
    source: str
    archive_checksum: str = ""


def read_idx(name: str, folder: str | Path | None) -> tuple[Raw, Raw]:
    """Train and test images of "mnist" or "fashion-mnist". Raises DataError if a file is missing or damaged."""
    wanted = [
        _File(Path(name) / file, checksum, _IDX_SOURCES[name] + file)
        for file, checksum in zip(_IDX, _IDX_SUMS[name], strict=True)
    ]
    arrays = [_parse_idx(path, _original(path, file)) for path, file in _located(wanted, folder)]
    images, labels, test_images, test_labels = arrays
    return (images[:, None], labels.astype(np.int64)), (test_images[:, None], test_labels.astype(np.int64))


def read_cifar10(folder: str | Path | None, batches: tuple[int, ...]) -> tuple[Raw, Raw]:
    """Train images of the given batches of 10 000 (1 to 5), and test images. Raises DataError as `read_idx`."""
    numbers = batches if isinstance(batches, Sequence) else ()
    known = all(type(k) is int and 1 <= k <= 5 for k in numbers)
    if not numbers or not known or len(set(numbers)) < len(numbers):
        raise InvalidInputError(f"batches={shown(batches)} is not a list of different numbers from 1 to 5")
    names = [f"data_batch_{k}" for k in batches] + ["test_batch"]
    place = Path("cifar10") / _CIFAR_FOLDER
    wanted = [_File(place / name, _CIFAR_SUMS[name], *_CIFAR_ARCHIVE) for name in names]
    *train, test = [_parse_cifar(path, _original(path, file)) for path, file in _located(wanted, folder)]
    return (np.concatenate([images for images, _ in train]), np.concatenate([labels for _, labels in train])), test


def _located(wanted: list[_File], folder: str | Path | None) -> list[tuple[Path, _File]]:
    """Path of each file; contents are not looked at."""
    given = os.environ.get(VARIABLE) if folder is None else _checked_folder(folder, wanted[0])
    here = [Path(given) / file.place for file in wanted] if given else []
    if not here or not all(path.is_file() for path in here):
        here = _fetched(wanted, given)
    return list(zip(here, wanted, strict=True))


def _checked_folder(folder: str | Path, first: _File) -> str:
    """Path of a folder that exists; raises DataError if it does not."""
    name = os.fspath(folder) if isinstance(folder, (str, os.PathLike)) else ""
    if not (name and isinstance(name, str) and Path(name).is_dir()):
        raise DataError(f"folder={shown(folder)} is not a folder; give the one that holds {first.place}")
    return name


def _original(path: Path, file: _File) -> bytes:
    """Content of a file, read once so that what is checked is parsed; raises DataError on a wrong checksum."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise DataError(one_line(f"{path}: cannot be read ({error.strerror}); make it readable")) from None
    checksum = hashlib.md5(octets, usedforsecurity=False).hexdigest()
    if checksum != file.checksum:
        line = f"{path}: is not the original file (MD5 {checksum}, not {file.checksum}); replace or remove it"
        raise DataError(one_line(line))
    return octets


def _fetched(wanted: list[_File], folder: str | None) -> list[Path]:
    """Files downloaded into the user's cache, with a progress bar."""
    with needed_by("fetching images", "deep"):
        import pooch

    pooch.get_logger().setLevel("WARNING")
    found, bar = [], sys.stderr.isatty()
    try:
        for file in wanted:
            cache = pooch.os_cache("binland") / file.place.parts[0]
            if file.archive_checksum:
                members = pooch.retrieve(
                    file.source, f"md5:{file.archive_checksum}", path=cache, progressbar=bar,
                    processor=pooch.Untar(extract_dir="."),
                )  # fmt: skip
                path = next(Path(member) for member in members if Path(member).name == file.place.name)
            else:
                name = file.place.name
                path = Path(pooch.retrieve(file.source, f"md5:{file.checksum}", name, cache, progressbar=bar))
            found.append(path)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong checksum is a ValueError
        looked = f"not all in {folder}" if folder is not None else f"{VARIABLE} is not set"
        files = ", ".join(str(file.place) for file in wanted)
        line = (
            f"{files}: {looked}, and {file.source} cannot be fetched ({_reason(error)}); put the original files"
            f" under one folder with these names and set {VARIABLE} (or the argument `folder`) to it"
        )
        raise DataError(one_line(line)) from None
    return found


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(str(error), 120)}"


def _parse_idx(path: Path, octets: bytes) -> NDArray[np.uint8]:
    """Array of an IDX file: magic number 0, 0, 8, number of dimensions; lengths, big-endian; entries."""
    try:
        plain = gzip.decompress(octets)
        zero, kind, n_dims = struct.unpack(">HBB", plain[:4])
        if zero != 0 or kind != 8:
            raise ValueError("another type")
        shape = struct.unpack(f">{n_dims}I", plain[4 : 4 + 4 * n_dims])
        return np.frombuffer(plain, np.uint8, offset=4 + 4 * n_dims).reshape(shape)
    except (OSError, EOFError, zlib.error, struct.error, ValueError):
        raise DataError(one_line(f"{path}: is not an IDX file of bytes; replace or remove it")) from None


class _Unpickler(pickle.Unpickler):
    """Unpickles dicts, lists, numbers, bytes and NumPy arrays; pickles that name anything else are refused."""

    _known = {  # noqa: RUF012
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): codecs.encode,
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    }

    def find_class(self, module: str, name: str) -> Any:
        """The object that a name in the pickle refers to."""
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong into images")
        return self._known[module, name]


def _parse_cifar(path: Path, octets: bytes) -> Raw:
    """One batch of the python version of CIFAR-10: a pickle of rows (P, 3072) and their labels."""
    try:
        batch = _Unpickler(io.BytesIO(octets), encoding="bytes").load()
        rows, labels = np.asarray(batch[b"data"], np.uint8), np.asarray(batch[b"labels"], np.int64)
        if len(rows) != len(labels):
            raise ValueError(f"{len(rows)} images, {len(labels)} labels")
        return rows.reshape(-1, 3, 32, 32), labels
    except Exception as error:  # a pickle may fail in any way
        raise DataError(one_line(f"{path}: is not a batch of CIFAR-10 ({_reason(error)}); replace it")) from None
