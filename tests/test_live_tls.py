"""Databases by TLS: who the server is, who asks, and what is told where either is a stranger."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import mariadb_server
import postgres_server
import pyarrow.parquet as pq
import pytest
from certificates import HERE, write_certificates
from live_sources import AWAY, Live

from orchestration.company import load_company
from orchestration.examination import live_findings
from orchestration.live.memory import Fetched

PASSWORD = "p@ss/w:rd%20"


@dataclass(frozen=True)
class Database:
    """How a kind of server is spoken to, and what it is called when that goes wrong."""

    port: int
    folder: Path  # of the certificates
    url: str
    knowing: str  # parameter that asks who the server is, with its authority
    own: str
    key: str
    open: str  # goes without TLS
    is_encrypted: str  # query
    says: dict[str, str] = field(repr=False)

    def source(self, host: str, *parameters: str, user: str = "reader") -> dict:
        asked = "&".join(parameters).replace("{}", str(self.folder))
        return {
            "url": self.url.format(user=user, host=host, port=self.port) + f"?{asked}",
            "wait_seconds": 0,
            "folders": {"customers": {"query": self.is_encrypted}},
        }

    def shown(self, name: str) -> tuple[str, str]:
        return f"{self.own}={{}}/{name}.pem", f"{self.key}={{}}/{name}.key"


@contextmanager
def postgres(folder: Path) -> Iterator[Database]:
    with postgres_server.tls_server(PASSWORD) as (certificates, port):
        yield Database(
            port,
            certificates,
            "postgresql://{user}:${{SHOP_DB_PASSWORD}}@{host}:{port}/postgres",
            "sslmode=verify-full&sslrootcert={}/",
            "sslcert",
            "sslkey",
            "sslmode=disable",
            "select ssl::text as customer_id from pg_stat_ssl where pid = pg_backend_pid()",
            {
                "no authority": "must name the certificate of the authority that signs",
                "another host": f'certificate for "{HERE}" does not match host name "{AWAY}"',
                "no certificate": "requires a valid client certificate; it asks for yours",
            },
        )


@contextmanager
def mariadb(folder: Path) -> Iterator[Database]:
    write_certificates(folder)
    options = ["cert=server.pem", "key=server.key", "ca=authority.pem"]
    tls = [f"--ssl-{option.replace('=', f'={folder}/')}" for option in options]
    listening = f"--bind-address=127.0.0.1,{AWAY}"
    with mariadb_server.server(folder, PASSWORD, *tls, listening) as (cursor, port):
        cursor.execute(f"create user certified identified by '{PASSWORD}' require x509")
        cursor.execute("grant select on shop.* to certified")
        yield Database(
            port,
            folder,
            "mariadb://{user}:${{SHOP_DB_PASSWORD}}@{host}:{port}/shop",
            "ssl_ca={}/",
            "ssl_cert",
            "ssl_key",
            "ssl_disabled=true",
            "select if(variable_value = '', 'false', 'true') as customer_id"
            " from information_schema.session_status where variable_name = 'Ssl_cipher'",
            {
                "no authority": "must name the certificate of the authority that signs",
                "another host": f"certificate is not valid for '{AWAY}'",
                "no certificate": "it asks for a certificate too: `ssl_cert` and `ssl_key`",
            },
        )


@pytest.fixture(scope="module", params=[postgres, mariadb], ids=["postgres", "mariadb"])
def database(request, tmp_path_factory) -> Iterator[Database]:
    with ExitStack() as stack:
        yield stack.enter_context(request.param(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Live:
    monkeypatch.setenv("SHOP_DB_PASSWORD", PASSWORD)
    return Live(tmp_path)


def fetched(shop: Live, source: dict) -> Fetched:
    """What is fetched, from the beginning."""
    shutil.rmtree(shop.folder / "landing/shop", ignore_errors=True)
    shop.configure(shop=source)
    return shop.fetch("shop/customers")


def is_encrypted(shop: Live, source: dict) -> bool:
    """Whether the rows that came were carried by TLS, as the server sees it."""
    seen = fetched(shop, source)
    assert seen.problem is None
    read = pq.read_table(shop.folder / "landing/shop/customers" / seen.files[0])
    return read["customer_id"].to_pylist() == ["true"]


def refused(shop: Live, source: dict) -> str:
    """What is told of a server that nothing came of, after one attempt and without the secret."""
    seen = fetched(shop, source)
    assert seen.problem and seen.attempts == 1, seen.problem
    assert shop.files("shop/customers") == [".fetched.json"]
    assert PASSWORD not in repr(seen) and PASSWORD.encode() not in shop.texts()
    return seen.problem


def test_another_machine_is_spoken_to_by_tls_unless_that_is_switched_off(shop, database):
    assert is_encrypted(shop, database.source(AWAY))
    assert not is_encrypted(shop, database.source(AWAY, database.open))
    assert not is_encrypted(shop, database.source(HERE, database.open))


def test_a_server_that_the_named_authority_signs_for_is_spoken_to(shop, database):
    assert is_encrypted(shop, database.source(HERE, f"{database.knowing}authority.pem"))


def test_a_server_that_another_authority_signs_for_is_refused(shop, database):
    source = database.source(HERE, f"{database.knowing}other.pem")
    assert database.says["no authority"] in refused(shop, source)
    (found,) = live_findings(load_company(shop.folder))
    assert not found.is_well and found.what.startswith("shop: ")
    assert database.says["no authority"] in found.what and PASSWORD not in found.what


def test_a_server_whose_certificate_has_another_name_is_refused(shop, database):
    said = refused(shop, database.source(AWAY, f"{database.knowing}authority.pem"))
    assert database.says["another host"] in said and "write the host into `url`" in said


def test_a_file_of_certificates_that_is_not_there_or_holds_none_is_told(shop, database):
    said = refused(shop, database.source(HERE, f"{database.knowing}nowhere.pem"))
    assert f"there is no file {database.folder}/nowhere.pem" in said
    said = refused(shop, database.source(HERE, f"{database.knowing}client.key"))
    assert f"{database.folder}/client.key" in said


def test_a_server_that_asks_for_a_certificate_is_shown_one(shop, database):
    shown = database.shown("client")
    assert is_encrypted(shop, database.source(HERE, *shown, user="certified"))
    said = refused(shop, database.source(HERE, user="certified"))
    assert database.says["no certificate"] in said

    seen = fetched(shop, database.source(HERE, *database.shown("stranger"), user="certified"))
    assert seen.problem and not seen.files and PASSWORD not in seen.problem
    if "unknown ca" in seen.problem:  # else the server hung up before its reason was read
        assert f"no authority that signed `{database.own}`" in seen.problem and seen.attempts < 4
