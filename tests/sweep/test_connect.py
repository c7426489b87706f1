"""Who may talk to the workers, and what happens when nobody sensible answers."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Security
from distributed.comm.core import connect as dask_connect
from distributed.utils import LoopRunner, wait_for

import binland as bl
from binland.errors import ClusterError
from binland.sweep import connect
from tests.sweep.small import TEXT, assert_same_numbers, spec
from tests.sweep.test_workers import ROOT, started

SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin")


def processes():
    return [psutil.Process(), *psutil.Process().children(recursive=True)]


def ports():
    """All on which this process and its children listen."""
    every = [one for process in processes() for one in process.net_connections("inet")]
    return {one.laddr.port for one in every if one.status == psutil.CONN_LISTEN}


@pytest.fixture
def local():
    """A client of two workers, and the ports that came with them."""
    before = ports()
    with connect.local_client(2) as client:
        yield client, sorted(ports() - before)


def greeted(port, security):
    async def greet():
        address, credentials = f"tls://127.0.0.1:{port}", security.get_connection_args("client")
        await (await wait_for(dask_connect(address, timeout=2, **credentials), 5)).close()

    try:
        LoopRunner().run_sync(greet)
    except (OSError, TimeoutError):
        return False
    return True


def test_every_port_wants_the_certificate_of_the_sweep(local):
    client, listening = local
    assert len(listening) == 5  # a scheduler, two nannies, two workers
    for port in listening:
        assert greeted(port, client.security)
        assert not greeted(port, Security.temporary())


ATTACK = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for port in map(int, sys.argv[1:]):
    for wrap in (lambda plain: plain, context.wrap_socket):
        for request in (b"GET / HTTP/1.0\\r\\n\\r\\n", bytes(64)):
            try:
                with wrap(socket.create_connection(("127.0.0.1", port), timeout=30)) as attacker:
                    attacker.sendall(request)
                    answer = attacker.recv(100)
            except OSError:
                continue
            if answer and answer[0] != 21:  # an alert of TLS
                print(port, answer)
"""


def assert_silent(python, listening, **user):
    command = [python, "-c", ATTACK, *map(str, listening)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, **user)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_certificate_no_port_says_anything(local):
    assert_silent(sys.executable, local[1])


@pytest.mark.skipif(
    not SYSTEM_PYTHON or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="takes root to be another user"
)
def test_another_user_hears_nothing(local):
    assert_silent(SYSTEM_PYTHON, local[1], user=65534, group=65534, extra_groups=[])


def test_the_key_is_in_memory_only(local):
    client, _ = local
    for process in processes():
        assert "PRIVATE KEY" not in f"{process.cmdline()} {process.environ()}"
    folder = Path(dask.config.get("temporary-directory"))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(
        Path(place).is_relative_to(folder)
        for place in client.run(lambda dask_worker: dask_worker.local_directory).values()
    )
    assert not [file for file in folder.rglob("*") if file.is_file() and b"PRIVATE KEY" in file.read_bytes()]


# What is no scheduler


def close_at_once(connection):
    connection.close()


def say(answer):
    return lambda connection: connection.sendall(answer)


FOREIGN = {
    "silent": lambda connection: None,
    "closing": close_at_once,
    "zeros": say(bytes(1000)),
    "noise": say(bytes(range(1, 256))),
    "http": say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "huge": say((1 << 50).to_bytes(8, "little")),
}


@pytest.fixture(params=FOREIGN)
def foreign(request):
    """The port of a server that is no scheduler."""
    connections = []

    def serve():
        while True:
            try:
                connections.append(server.accept()[0])
                FOREIGN[request.param](connections[-1])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            stack.callback(connection.close)


def test_a_foreign_server_is_one_clear_error(tmp_path, monkeypatch, foreign):
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 1.0)
    with pytest.raises(
        ClusterError, match=rf"scheduler 'tcp://127.0.0.1:{foreign}': no Dask scheduler answers"
    ) as caught:
        bl.run_sweep(spec(), tmp_path / "out.h5", scheduler=f"tcp://127.0.0.1:{foreign}")
    assert len(str(caught.value).splitlines()) == 1


# A scheduler with certificates


@pytest.fixture
def certificates(tmp_path):
    """Names of files: authority, certificate, key."""
    security = Security.temporary()
    texts = {"ca-file": security.tls_ca_file, "cert": security.tls_client_cert, "key": security.tls_client_key}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in texts}


@pytest.mark.slow
def test_a_scheduler_with_certificates_and_what_is_said_without(finished, tmp_path, monkeypatch, certificates):
    options = [word for name, path in certificates.items() for word in (f"--tls-{name}", path)]
    scheduler = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--protocol", "tls", *options)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": certificates["ca-file"],
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": certificates["cert"],
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": certificates["key"],
    }
    (tmp_path / "small.toml").write_text(TEXT)
    with started("distributed.cli.dask_scheduler", *scheduler) as server:
        address = next(found[1] for line in server.stdout if (found := re.search(r"Scheduler at:\s+(tls://\S+)", line)))
        worker = ("--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0", *options)
        with started("distributed.cli.dask_worker", address, *worker):
            sweep = ["sweep", "small.toml", "--out", "out.h5", "--scheduler", address]
            command = [sys.executable, "-c", "from binland.cli import main; main()", *sweep]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        monkeypatch.setattr(connect, "CONNECT_SECONDS", 2.0)
        for wrong in (address, address.replace("tls", "tcp")):
            with pytest.raises(
                ClusterError, match=rf"scheduler '{wrong}': no Dask scheduler answers \(.*\); .*tls://.*"
            ):
                bl.run_sweep(spec(), tmp_path / "none.h5", scheduler=wrong)
        missing = dict.fromkeys(("ca-file", "client.cert", "client.key"), "/nowhere")
        missing = {f"distributed.comm.tls.{key}": file for key, file in missing.items()}
        with dask.config.set(missing), pytest.raises(ClusterError, match="No such file"):
            bl.run_sweep(spec(), tmp_path / "none.h5", scheduler=address)
    assert_same_numbers(finished, tmp_path / "out.h5")


# Workers that do not start


@pytest.mark.parametrize("death", ["os.kill(os.getpid(), 9)", "os._exit(1)", "raise ValueError('no')"])
def test_workers_that_die_at_their_start_are_one_clear_error(finished, tmp_path, capfd, death):
    (tmp_path / "deadly.py").write_text(f"import os\n{death}\n")
    with (
        dask.config.set({"distributed.worker.preload": [str(tmp_path / "deadly.py")]}),
        pytest.raises(ClusterError, match=r"the worker processes do not start \(.*\); .* --workers 1") as caught,
    ):
        bl.run_sweep(spec(), tmp_path / "out.h5", workers=2)
    assert len(str(caught.value).splitlines()) == 1
    assert "Traceback" not in capfd.readouterr().err
    bl.run_sweep(spec(), tmp_path / "out.h5")
    assert_same_numbers(finished, tmp_path / "out.h5")


def test_no_room_for_workers_is_one_clear_error(tmp_path):
    with (
        dask.config.set({"temporary-directory": str(tmp_path / "nowhere")}),
        pytest.raises(ClusterError, match=r"the worker processes do not start \(.*No such file"),
    ):
        bl.run_sweep(spec(), tmp_path / "out.h5", workers=2)


def test_ctrl_c_while_workers_start(tmp_path, ctrl_c):
    """It waits until they are there, and then ends them."""
    before = processes()
    (tmp_path / "interrupts.py").write_text(f"import os\nos.kill({os.getpid()}, {int(signal.SIGINT)})\n")
    preload = dask.config.set({"distributed.worker.preload": [str(tmp_path / "interrupts.py")]})
    with preload, pytest.raises(KeyboardInterrupt):
        bl.run_sweep(spec(), tmp_path / "out.h5", workers=2)
    assert not [one for one in processes() if one not in before and "spawn_main" in " ".join(one.cmdline())]
