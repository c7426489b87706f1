"""What the extras of the installation bring, and the line that says which one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

SWEEP = (
    "cloudpickle", "cryptography", "dask", "distributed", "filelock", "h5netcdf", "h5py", "pandas", "psutil",
    "pydantic", "threadpoolctl", "tomli_w", "xarray",
)  # fmt: skip
MODULES = {  # that are imported; of several extras that bring one, the first is the smallest
    "sweep": SWEEP,
    "plot": (*SWEEP, "matplotlib"),
    "report": (*SWEEP, "matplotlib", "plotly", "jinja2"),
    "cluster": (*SWEEP, "dask_jobqueue"),
    "deep": ("torch", "pooch", "tqdm", "sklearn"),
}


def installing(extra: str) -> str:
    """What to type for an extra of the installation; the package is on no index."""
    return f"pip install '.[{extra}]' in a clone of binland"


@contextmanager
def needed_by(what: str, extra: str = "") -> Iterator[None]:
    """Around imports: one that fails since an extra is not installed is one line. Arguments as of `missing`."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = missing(what, error, extra)
        if not message:
            raise
        raise ModuleNotFoundError(message, name=error.name) from None


def missing(what: str, error: ModuleNotFoundError, extra: str = "") -> str:
    """The line that says what to install for a module that is not there; "" if no extra brings it.

    what: is being asked for. extra: that brings all it needs; without one the smallest that brings the module.
    """
    module = (error.name or "").partition(".")[0]
    bringing = [name for name, modules in MODULES.items() if module in modules]
    if not bringing:
        return ""
    return f"{what} needs {module}: {installing(extra if extra in bringing else bringing[0])}"
