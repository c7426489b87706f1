"""Where results come from: versions, host, state of the git checkout."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from binland.stamp import code_stamp
from binland.version import version

LIBRARIES = ("binland", "numpy", "numba", "scipy", "h5py", "h5netcdf", "xarray", "distributed")


def provenance(libraries: Iterable[str] = (), stamp: str = "") -> dict[str, str]:
    """Texts about this machine, Python, libraries and checkout; `libraries` and `stamp` come from the family."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "processor": processor(),
        "python": sys.version.split()[0],
        "command": " ".join(sys.argv),
        "git": git_state(),
        "code": code_stamp(stamp),
        **{f"version_{name}": version(name) for name in (*LIBRARIES, *libraries)},
    }


def git_state() -> str:
    """`git describe` of the package's own checkout, with -dirty; "none" outside one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return "none"
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none"


def processor() -> str:
    """Name of the CPU's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def default_workers() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
