"""Keys of an SFTP folder: those that open it, and those by which its server is known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from live_sources import Live
from sftp_server import private_key, public
from sftp_server import server as sftp_server

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.examination import live_findings

PASSWORD, KEY_PASSWORD = "s3cret of the user", 'k3y "pass" wörd%20'
ORDERS = b"order_id,ordered_at,status,currency,total\n1,2026-06-01,paid,JPY,1000\n"
ROUNDS = 16  # of hashing the password, as `ssh-keygen` has it
KINDS = {"ed25519": ("ssh-ed25519", "openssh"), "rsa": ("ssh-rsa", "pkcs1-pem")}


@dataclass
class Server:
    """A server with one file, its key, and a folder with those of its users."""

    port: int
    keys: Path
    key: object = field(repr=False)

    def source(self, **changed) -> dict:
        return {
            "url": f"sftp://reader@127.0.0.1:{self.port}/daily",
            "host_key": public(self.key),
            "key_file": str(self.keys / "ed25519"),
            "wait_seconds": 0,
            "folders": {"orders": {"path": "*.csv"}},
        } | changed


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    root, keys = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("keys")
    (root / "daily").mkdir()
    (root / "daily/a.csv").write_bytes(ORDERS)
    known = []
    for name, (kind, form) in KINDS.items():
        key = private_key(kind)
        key.write_private_key(keys / name, form)
        how = {"passphrase": KEY_PASSWORD, "rounds": ROUNDS, "ignore_few_rounds": True}
        key.write_private_key(keys / f"{name}-closed", form, **how)
        known.append(public(key))
    private_key().write_private_key(keys / "stranger")
    (keys / "public").write_text(known[0])
    host = private_key()
    with sftp_server(root, host, PASSWORD, *known) as port:
        yield Server(port, keys, host)


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Live:
    monkeypatch.setenv("KEY_PASSWORD", KEY_PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Live(tmp_path)


def is_brought(shop: Live, source: dict) -> bool:
    shop.configure(shop=source)
    seen = shop.fetch("shop/orders")
    assert seen.problem is None
    return seen.files == ["a.csv"]


def refused(shop: Live, source: dict) -> str:
    """What is told, after one attempt and without a secret, where nothing is brought."""
    shop.configure(shop=source)
    seen = shop.fetch("shop/orders")
    assert seen.problem and seen.attempts == 1, seen.problem
    assert shop.files("shop/orders") == [".fetched.json"]
    for secret in (PASSWORD, KEY_PASSWORD, "k3y"):
        assert secret.encode() not in shop.texts() and secret not in repr(seen)
    return seen.problem


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_private_key_opens_the_folder(shop, server, kind, is_closed):
    source = server.source(key_file=str(server.keys / kind))
    if is_closed:
        source |= {"key_file": f"{server.keys}/{kind}-closed", "key_password": "${KEY_PASSWORD}"}
    assert is_brought(shop, source)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_its_password_does_not_open_is_told(shop, server, kind, monkeypatch):
    closed = server.source(key_file=f"{server.keys}/{kind}-closed")
    said = refused(shop, closed)
    assert f"{kind}-closed is closed: `key_password` opens it" in said
    monkeypatch.setenv("KEY_PASSWORD", "another k3y")
    said = refused(shop, closed | {"key_password": "${KEY_PASSWORD}"})
    assert f"{kind}-closed is no private key that `key_password` opens" in said
    (found,) = live_findings(load_company(shop.folder))
    assert found.what.startswith("shop: ") and "`key_password` opens" in found.what


def test_a_key_that_the_server_does_not_know_is_told(shop, server):
    said = refused(shop, server.source(key_file=str(server.keys / "stranger")))
    assert "reader does not come in by `key_file`" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "`key_file`: No such file or directory"),
        ("public", "is no private key as `ssh-keygen` writes them"),
    ],
)
def test_a_file_that_is_no_private_key_is_told(shop, server, name, said):
    path = server.keys / name
    told = refused(shop, server.source(key_file=str(path)))
    assert said in told and str(path) in told


def test_a_folder_is_opened_by_a_key_or_a_password(shop, server):
    shop.configure(shop=server.source(key_file=None))
    with pytest.raises(ConfigError, match=r"needs a password in `url` .*, or `key_file`"):
        load_company(shop.folder)


def test_a_server_is_known_by_the_line_that_ssh_keyscan_prints(shop, server):
    line = f"[127.0.0.1]:{server.port} {public(server.key)}"
    assert is_brought(shop, server.source(host_key=line))


def test_a_server_with_another_key_is_not_spoken_to(shop, server):
    said = refused(shop, server.source(host_key=public(private_key())))
    assert "has another key than in `host_key`: " + public(server.key) in said
    assert "before who runs it confirms it" in said
    said = refused(shop, server.source(host_key="ssh-ed25519 AAAA"))
    assert "`host_key` is no public key" in said


def test_a_server_is_known_by_known_hosts_and_by_nothing_else(shop, server):
    source = server.source(host_key=None)
    said = refused(shop, source)
    assert "not found in known_hosts" in said and "`host_key:" in said
    known = Path.home() / ".ssh/known_hosts"
    known.parent.mkdir(parents=True)
    known.write_text(f"[127.0.0.1]:{server.port} {public(private_key())}\n")
    said = refused(shop, source)
    assert "has another key than in ~/.ssh/known_hosts" in said
    known.write_text(f"[127.0.0.1]:{server.port} {public(server.key)}\n")
    assert is_brought(shop, source)
