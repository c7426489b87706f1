"""How Dask is reached: worker processes of this machine, which talk to nobody else, or a given scheduler.

Whoever can talk to a Dask cluster can run code as its owner. So a cluster of this machine asks for certificates, which
exist only in the memory of the sweep's processes; it has no HTTP servers, which would ask for none, and its files are
in a private folder.
"""

import logging
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, Nanny, Scheduler, Security, SpecCluster, Worker
from distributed.comm.core import connect
from distributed.utils import LoopRunner, wait_for

from binland.errors import ClusterError, reason, shown
from binland.extras import needed_by
from binland.interrupts import deferred

CONNECT_SECONDS = 10.0
# Dask's own also makes malloc give back memory at once; tasks then spend up to two thirds of their time in page faults.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
START_ONE = (
    "start one with `dask scheduler`, and give its address like tcp://host:8786, or tls:// if it has certificates"
)
CERTIFICATES = (
    "a tls:// address needs distributed.comm.tls.ca-file, .client.cert and .client.key in Dask's configuration"
    " (~/.config/dask), from the authority that the scheduler trusts"
)


@contextmanager
def client_of(address: str) -> Iterator[Client]:
    """A client of the scheduler at an address; raises ClusterError if none answers in time."""
    with dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s"}):
        try:
            LoopRunner().run_sync(_greet, address)
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=True)
        except Exception as error:  # Dask may raise anything when a foreign server answers
            advice = CERTIFICATES if address.startswith("tls://") else START_ONE
            raise ClusterError(
                f"scheduler {shown(address)}: no Dask scheduler answers ({reason(error)}); {advice}"
            ) from None
        with client:
            yield client


async def _greet(address: str) -> None:
    """Shake hands, which a client does without a time limit."""
    credentials = Security().get_connection_args("client")
    comm = await wait_for(connect(address, **credentials), CONNECT_SECONDS)
    await comm.close()


@contextmanager
def local_client(count: int) -> Iterator[Client]:
    """A client of `count` new worker processes on this machine; raises ClusterError if they do not start."""
    with needed_by("more than one worker", "sweep"):
        import_module("cryptography")  # for the certificates; without it Dask names no extra
    with ExitStack() as stack:
        try:
            settings = {
                "temporary-directory": stack.enter_context(_private_folder()),
                "distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s",
                "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
            }
            stack.enter_context(dask.config.set(settings))
            with deferred(), _without_ctrl_c():
                cluster = stack.enter_context(_cluster(count))
            client = stack.enter_context(Client(cluster))
        except Exception as error:  # killed processes, no memory, no ports, no space on the disk ...
            raise ClusterError(
                f"the worker processes do not start ({reason(error)}); run the same command again, perhaps with"
                " --workers 1, which needs none"
            ) from None
        yield client


def _private_folder() -> tempfile.TemporaryDirectory[str]:
    """A private folder for the cluster's files: processes import from it, and Dask's may belong to another user."""
    place = dask.config.get("temporary-directory", None)
    return tempfile.TemporaryDirectory(prefix="binland-", dir=place, ignore_cleanup_errors=True)


class _WithoutHTTP:
    """A part of Dask without its HTTP server, for which Dask has no setting."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        pass


class _Scheduler(_WithoutHTTP, Scheduler):
    pass


class _Worker(_WithoutHTTP, Worker):
    pass


def _cluster(count: int) -> SpecCluster:
    security = Security.temporary()
    common = {"host": "127.0.0.1", "protocol": "tls://", "security": security, "dashboard": False}
    quiet = {"silence_logs": logging.CRITICAL}
    worker = {
        "cls": Nanny,
        "options": {**common, **quiet, "worker_class": _Worker, "nthreads": 1, "memory_limit": 0},
    }
    scheduler = {"cls": _Scheduler, "options": {**common, "port": 0}}
    return SpecCluster(dict.fromkeys(range(count), worker), scheduler, security=security, **quiet)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Context in which new processes ignore Ctrl-C, which only this process handles."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would otherwise be started, and undo the block, with the first worker
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
