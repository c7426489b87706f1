"""Original files of MNIST, Fashion-MNIST and CIFAR-10: found in a folder or fetched, checked, read."""

import gzip
import hashlib
import os
import pickle
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.errors import DataError, InvalidInputError

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
    """A file: place in a data folder, MD5 checksum, where it comes from (and the checksum of the archive it is in)."""

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
    arrays = [_parse_idx(path) for path in _located(wanted, folder)]
    images, labels, test_images, test_labels = arrays
    return (images[:, None], labels.astype(np.int64)), (test_images[:, None], test_labels.astype(np.int64))


def read_cifar10(folder: str | Path | None, batches: tuple[int, ...]) -> tuple[Raw, Raw]:
    """Train images of the given batches of 10 000 (1 to 5), and test images. Raises DataError as `read_idx`."""
    numbers = batches if isinstance(batches, Sequence) else ()
    known = all(type(k) is int and 1 <= k <= 5 for k in numbers)
    if not numbers or not known or len(set(numbers)) < len(numbers):
        raise InvalidInputError(f"batches={batches!r} is not a list of different numbers from 1 to 5")
    names = [f"data_batch_{k}" for k in batches] + ["test_batch"]
    place = Path("cifar10") / _CIFAR_FOLDER
    wanted = [_File(place / name, _CIFAR_SUMS[name], *_CIFAR_ARCHIVE) for name in names]
    *train, test = [_parse_cifar(path) for path in _located(wanted, folder)]
    return (np.concatenate([images for images, _ in train]), np.concatenate([labels for _, labels in train])), test


def _located(wanted: list[_File], folder: str | Path | None) -> list[Path]:
    """Where each file is, its checksum verified."""
    given = os.environ.get(VARIABLE) if folder is None else folder
    if folder is not None and not (folder and isinstance(folder, (str, os.PathLike)) and Path(folder).is_dir()):
        raise DataError(f"folder={folder!r} is not a folder; give the one that holds {wanted[0].place}")
    here = [Path(given) / file.place for file in wanted] if given else []
    if here and all(path.is_file() for path in here):
        for path, file in zip(here, wanted, strict=True):
            _verify(path, file.checksum)
        return here
    return _fetched(wanted, given)


def _verify(path: Path, checksum: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    if found != checksum:
        raise DataError(f"{path}: is not the original file (MD5 {found}, not {checksum}); replace or remove it")


def _fetched(wanted: list[_File], folder: str | Path | None) -> list[Path]:
    """Files from the net, kept in the user's cache, with a progress bar."""
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
                _verify(path, file.checksum)
            else:
                name = file.place.name
                path = Path(pooch.retrieve(file.source, f"md5:{file.checksum}", name, cache, progressbar=bar))
            found.append(path)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors, a wrong checksum is a ValueError
        looked = f"not all in {folder}" if folder is not None else f"{VARIABLE} is not set"
        files = ", ".join(str(file.place) for file in wanted)
        raise DataError(
            f"{files}: {looked}, and {file.source} cannot be fetched ({_reason(error)}); put the original files"
            f" under one folder with these names and set {VARIABLE} (or the argument `folder`) to it"
        ) from None
    return found


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text if len(text) <= 120 else text[:117] + '...'}"


def _parse_idx(path: Path) -> NDArray[np.uint8]:
    """An IDX file of bytes: magic number 0, 0, 8, number of dimensions; lengths, big-endian; entries."""
    octets = gzip.decompress(path.read_bytes())
    zero, kind, n_dims = struct.unpack(">HBB", octets[:4])
    if zero != 0 or kind != 8:
        raise DataError(f"{path}: is not an IDX file of bytes")
    shape = struct.unpack(f">{n_dims}I", octets[4 : 4 + 4 * n_dims])
    return np.frombuffer(octets, np.uint8, offset=4 + 4 * n_dims).reshape(shape)


def _parse_cifar(path: Path) -> Raw:
    """One batch of the python version of CIFAR-10: a pickle, which is safe because its checksum is known."""
    with path.open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    return np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32), np.asarray(batch[b"labels"], np.int64)
