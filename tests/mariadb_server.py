"""A real MariaDB for tests, of the machine's own package."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_sources import free_port

pymysql = pytest.importorskip("pymysql")

PATH = f"{os.environ['PATH']}:/usr/sbin"
SERVER, MAKER = (shutil.which(name, path=PATH) for name in ("mariadbd", "mariadb-install-db"))


@contextmanager
def server(folder: Path, password: str, *options: str) -> Iterator[tuple]:
    """A cursor as its superuser, and its port; `reader` reads the database shop."""
    if not (SERVER and MAKER):
        pytest.skip("needs mariadbd: apt-get install mariadb-server")
    where = ["--no-defaults", f"--datadir={folder}/data", "--user=root"]
    made = [MAKER, *where, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(made, check=True, capture_output=True)
    port = free_port()
    begun = [SERVER, *where, f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
    begun += [f"--port={port}", "--bind-address=127.0.0.1", *options]
    process = subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        cursor = _superuser(f"{folder}/socket").cursor()
        cursor.execute("create database shop character set utf8mb4")
        cursor.execute(f"create user reader identified by '{password}'")
        cursor.execute("grant select on shop.* to reader")
        cursor.execute("use shop")
        yield cursor, port
    finally:
        process.terminate()
        process.wait(60)


def _superuser(socket: str):
    for _ in range(240):
        try:
            return pymysql.connect(unix_socket=socket, user="root", autocommit=True)
        except pymysql.OperationalError:
            time.sleep(0.25)
    raise TimeoutError("MariaDB did not start")
