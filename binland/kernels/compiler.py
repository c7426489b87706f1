"""How kernels are compiled, and where the machine code is cached."""

import contextlib
import functools
import hashlib
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import caching
from platformdirs import user_cache_path

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

JIT_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
DIGEST = hashlib.sha256().digest_size


@functools.cache
def _kernel_stamp() -> str:
    """Hash of all kernel sources and of every setting that changes the machine code."""
    digest = hashlib.sha256(repr((numba.__version__, JIT_OPTIONS)).encode())
    for name in sorted(os.environ):
        if name.startswith("NUMBA_") or name == "BINLAND_PORTABLE":
            digest.update(f"{name}={os.environ[name]}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Folder of the cached machine code: BINLAND_CACHE_DIR or the user's cache, with a hash of the kernel sources."""
    root = os.environ.get("BINLAND_CACHE_DIR")
    return (Path(root) if root else user_cache_path("binland")) / f"kernels-{_kernel_stamp()}"


class _Locator(caching._CacheLocator):  # type: ignore[misc]
    """Finds the cache of a kernel by a hash of all kernels and of its own file; Numba compares time stamps only."""

    def __init__(self, py_file: str):
        self._source = Path(py_file)

    def get_cache_path(self) -> str:
        return str(cache_directory())

    def get_source_stamp(self) -> str:
        return _kernel_stamp() + hashlib.sha256(self._source.read_bytes()).hexdigest()[:16]

    def get_disambiguator(self) -> None:
        return None

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "_Locator | None":
        locator = cls(py_file)
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator


class _CacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = [_Locator]  # type: ignore[list-item]  # noqa: RUF012


class _Entries(caching.IndexDataCacheFile):  # type: ignore[misc]
    """Cached machine code, one file per signature, named by all that it depends on; so it needs no index and no lock.

    A checksum comes first: damaged content is neither unpickled nor run.
    """

    def load(self, key: Any) -> Any:
        stored = self._path(key).read_bytes()
        if stored[:DIGEST] != hashlib.sha256(stored[DIGEST:]).digest():
            return None
        known, data = pickle.loads(stored[DIGEST:])
        return data if known == key else None

    def save(self, key: Any, data: Any) -> None:
        content, path = self._dump((key, data)), self._path(key)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _path(self, key: Any) -> Path:
        digest = hashlib.sha256(repr((self._source_stamp, key)).encode()).digest()
        return Path(self._data_path(self._data_name(int.from_bytes(digest[:8], "big"))))


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """Numba's cache without its index; a file that cannot be read is compiled again and replaced."""

    _impl_class = _CacheImpl

    def __init__(self, function: Any):
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _Entries(self.cache_path, self._impl.filename_base, locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with contextlib.suppress(Exception):  # files that cannot be read, or that another llvmlite wrote
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def kernel(function: Kernel) -> Kernel:
    """Compile `function` with the package's options, and cache it if there is a writable folder."""
    return _compiled(function, JIT_OPTIONS)


def inlined(function: Kernel) -> Kernel:
    """Compile part of a kernel, to be inlined where it is called.

    A call would pass every array in pieces, and LLVM would optimise the callee once more at every level of calls.
    """
    return _compiled(function, JIT_OPTIONS | {"inline": "always"})


def _compiled(function: Kernel, options: dict[str, Any]) -> Kernel:
    dispatcher = numba.njit(**options)(function)
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        with contextlib.suppress(RuntimeError):
            dispatcher._cache = _KernelCache(function)
    return dispatcher  # type: ignore[no-any-return]
