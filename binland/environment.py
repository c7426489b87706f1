"""Versions, processor and folders that this Python works with: what a bug report should say."""

import os
import platform
import sys
from pathlib import Path
from typing import Literal

import llvmlite.binding
import numba
from platformdirs import user_cache_path

from binland.checks import one_of
from binland.console import say
from binland.kernels.compiler import cache_directory
from binland.kernels.vectors import WIDTH
from binland.sweep.provenance import default_workers, git_state, processor
from binland.version import version

LIBRARIES = ("numpy", "numba", "llvmlite", "scipy", "h5py", "xarray", "dask", "matplotlib", "torch")
WIDE = ("popcnt", "sse4", "avx", "fma", "neon", "sve")  # beginnings of what vector code can use
VARIABLES = ("BINLAND_", "NUMBA_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, str] | None:
    """Versions, processor and folders of this installation, as a bug report should have them.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        Whether to print them, the default, or to return them.

    Returns
    -------
    dict of str, or None
        Texts by name if `mode` is "dicts".

    Raises
    ------
    InvalidInputError
        On another mode.

    Examples
    --------
    >>> bl.show_config()
    >>> bl.show_config(mode="dicts")["numba"]
    '0.61.2'
    """
    facts = _facts()
    if one_of("mode", mode, ("stdout", "dicts")) == "dicts":
        return facts
    width = max(map(len, facts))
    say("\n".join(f"{name:{width}}  {value}" for name, value in facts.items()))
    return None


def _facts() -> dict[str, str]:
    return {
        "binland": version(),
        "git": git_state(),
        "python": f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}",
        "platform": platform.platform(),
        **{name: _installed(name) for name in LIBRARIES},
        "processor": f"{processor()}, compiled for {_target()}",
        "vector code": f"registers of {64 * WIDTH} bits; {' '.join(_features())}",
        "processors": f"{default_workers()} of {os.cpu_count()} may be used",
        "threads": f"{numba.config.NUMBA_NUM_THREADS} of numba",  # type: ignore[attr-defined]
        "memory": _memory(),
        "kernel cache": str(cache_directory()),
        "data": _data_folder(),
        "variables": _variables(),
    }


def _memory() -> str:
    """All there is of this machine; unknown without the extra that brings psutil."""
    try:
        import psutil
    except ModuleNotFoundError:
        return "unknown"
    return f"{psutil.virtual_memory().total / 2**30:.1f} GiB"


def _installed(name: str) -> str:
    found = version(name)
    return "not installed" if found == "unknown" else found


def _target() -> str:
    return str(numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name())  # type: ignore[attr-defined]


def _features() -> list[str]:
    """Of the processor that numba compiles for."""
    given = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    names = (llvmlite.binding.get_host_cpu_features().flatten() if given is None else given).split(",")
    return sorted(name[1:] for name in names if name.startswith(tuple(f"+{word}" for word in WIDE)))


def _data_folder() -> str:
    """Where deepbridge looks for images, and keeps those that it fetches."""
    given, kept = os.environ.get("BINLAND_DATA"), Path(user_cache_path("binland"))
    return f"{given}, else {kept}" if given else str(kept)


def _variables() -> str:
    """Of the environment, that change how things are computed or where they are kept."""
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
