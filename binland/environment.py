"""`show_config`: versions, processor and folders of an installation, for bug reports."""

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
WIDE = ("popcnt", "sse4", "avx", "fma", "neon", "sve")  # beginnings of names of instruction sets for vector code
VARIABLES = ("BINLAND_", "NUMBA_", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, str] | None:
    """Print or return versions, processor and folders of this installation, for a bug report.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        "stdout" prints them, "dicts" returns them.

    Returns
    -------
    dict of str, or None
        Names and texts if `mode` is "dicts", otherwise None.

    Raises
    ------
    InvalidInputError
        If `mode` is anything else.

    Examples
    --------
    >>> import binland as bl
    >>> bl.show_config()  # doctest: +SKIP
    >>> sorted(bl.show_config(mode="dicts"))[:3]
    ['binland', 'dask', 'data']
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
    """Memory of this machine in GiB; "unknown" if psutil is not installed."""
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
    """Instruction sets of the processor that numba compiles for."""
    given = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    names = (llvmlite.binding.get_host_cpu_features().flatten() if given is None else given).split(",")
    return sorted(name[1:] for name in names if name.startswith(tuple(f"+{word}" for word in WIDE)))


def _data_folder() -> str:
    """Folders in which deepbridge looks for images, and where it stores those that it downloads."""
    given, kept = os.environ.get("BINLAND_DATA"), Path(user_cache_path("binland"))
    return f"{given}, else {kept}" if given else str(kept)


def _variables() -> str:
    """Environment variables that change how things are computed or where files are stored."""
    given = {name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)}
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
