"""Real servers for the checks: PostgreSQL and an AWS emulator, on free loopback ports, gone with the test."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

STUCK = 60.0  # seconds; after this a server does not come up any more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready: Callable[[], bool], what: str, process: subprocess.Popen | None = None) -> None:
    """Asks again and again; fails when the process has ended or nothing comes of it."""
    give_up = time.monotonic() + STUCK
    while not ready():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: ended with {process.returncode}")
        if time.monotonic() > give_up:
            raise TimeoutError(f"{what}: not after {STUCK} s")
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


@contextmanager
def running(command: list[str], ready: Callable[[], bool], folder: Path, **how) -> Iterator[subprocess.Popen]:
    """Runs a server until the end of the block; its output is in `folder`."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **how)
    try:
        wait_until(ready, command[0], process)
        yield process
    finally:
        process.terminate()
        process.wait(STUCK)


@contextmanager
def ministack(folder: Path, **settings: str) -> Iterator[str]:
    """The AWS emulator; yields its endpoint."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        **settings,
    }
    endpoint = f"http://127.0.0.1:{port}"
    # MINISTACK names the program: it has a virtual environment of its own.
    with running([os.environ["MINISTACK"]], lambda: answers(f"{endpoint}/_ministack/health"), folder, env=environment):
        yield endpoint


def postgres_programs() -> Path:
    """The folder of PostgreSQL's server programs; .ci/deploy installs them."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("no PostgreSQL server: install Debian's package postgresql")


@contextmanager
def postgres(everywhere: bool = False) -> Iterator[str]:
    """A PostgreSQL server, on loopback or on every address; yields the URL of its superuser's database."""
    programs, port = postgres_programs(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="llm-proxy-postgres-"))
    # PostgreSQL refuses to run as root.
    user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "nobody")
    data = str(folder / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "proxy", "--auth=trust", "--no-sync", "-E", "UTF8"]
    server = [str(programs / "postgres"), "-D", data, "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
    server += ["-c", f"listen_addresses={'*' if everywhere else '127.0.0.1'}"]

    def ready() -> bool:
        probe = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(probe, cwd=folder).returncode == 0

    try:
        subprocess.run(initdb, cwd=folder, check=True, stdout=subprocess.DEVNULL, **user)
        if everywhere:
            with (folder / "data/pg_hba.conf").open("a") as who:
                who.write("host all all all trust\n")
        with running(server, ready, folder, cwd=folder, **user):
            yield f"postgres://proxy@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


def query(url: str, sql: str) -> str:
    """What a statement returns, one line a row, columns between bars."""
    psql = [str(postgres_programs() / "psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url]
    return subprocess.run(psql, check=True, capture_output=True, text=True).stdout.strip()
