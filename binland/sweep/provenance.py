"""Where a result comes from: versions, host, git state."""

import hashlib
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

LIBRARIES = ("binland", "numpy", "numba", "scipy", "h5py", "h5netcdf", "xarray", "distributed")


def provenance(libraries: Iterable[str] = (), stamp: str = "") -> dict[str, str]:
    """Plain text facts about this machine, interpreter, libraries and checkout; a family's libraries and stamp too."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "processor": _processor(),
        "python": sys.version.split()[0],
        "command": " ".join(sys.argv),
        "git": git_state(),
        "code": code_stamp(stamp),
        **{f"version_{name}": version(name) for name in (*LIBRARIES, *libraries)},
    }


@cache
def code_stamp(stamp: str = "") -> str:
    """Hash of the package's source, of the libraries that numbers come from and of a family's stamp.

    Equal stamps, equal numbers.
    """
    digest = hashlib.sha256(" ".join(version(name) for name in ("numpy", "numba", "scipy")).encode())
    package = Path(__file__).resolve().parents[1]
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package).as_posix()}\n".encode())
        digest.update(source.read_bytes())
    digest.update(stamp.encode())
    return digest.hexdigest()[:16]


def version(name: str) -> str:
    """Installed version of a distribution, or "unknown"."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
