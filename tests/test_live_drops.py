"""Files of a bucket and of an SFTP folder, on servers of this machine."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import pytest
from live_sources import Live, Wire
from sftp_server import private_key, public
from sftp_server import server as sftp_server

from orchestration.live.config import Files
from orchestration.live.drops import Remote, bring_files, expression, fixed
from orchestration.live.memory import Fetched, Memory

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto.server")

KEY_ID, SECRET = "reader", "s3cr/et+key"
ORDERS = "order_id,ordered_at,status,currency,total\n"
ROW = "{},2026-06-01,paid,JPY,1000\n"
MOMENT = 1_780_000_000

Put = Callable[[str, bytes], None]


class Drop:
    """A drop folder of either kind: where it is, and a way to put files into it."""

    def __init__(self, folder: Path, wire: Wire, source: dict, put: Put):
        self.live, self.wire, self.source, self.put = Live(folder), wire, source, put
        self.configure("in/orders/*.csv")

    def configure(self, path: str, **changed) -> None:
        self.live.configure(shop=self.source | {"folders": {"orders": {"path": path}}} | changed)

    def fetch(self):
        return self.live.fetch("shop/orders")

    def files(self) -> list[str]:
        return [f for f in self.live.files("shop/orders") if f != ".fetched.json"]


@pytest.fixture(scope="module")
def store() -> Iterator[tuple[str, int]]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture(scope="module")
def keys():
    return private_key()


@pytest.fixture(scope="module")
def ssh(tmp_path_factory, keys) -> Iterator[tuple[Path, int]]:
    root = tmp_path_factory.mktemp("sftp")
    with sftp_server(root, keys, SECRET) as port:
        yield root, port


@pytest.fixture(params=["s3", "sftp"])
def drop(request, tmp_path, monkeypatch) -> Iterator[Drop]:
    monkeypatch.setenv("DROP_KEY", KEY_ID)
    monkeypatch.setenv("DROP_SECRET", SECRET)
    make = bucket_drop if request.param == "s3" else sftp_drop
    drop = make(request, tmp_path)
    yield drop
    drop.wire.close()


def bucket_drop(request, folder: Path) -> Drop:
    host, port = request.getfixturevalue("store")
    wire = Wire((host, port))
    client = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
        aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET,
    )  # fmt: skip
    name = f"exports-{abs(hash(folder)) % 10**9}"
    client.create_bucket(Bucket=name)
    source = {
        "url": f"s3://{name}/daily",
        "endpoint": f"http://127.0.0.1:{wire.port}",
        "key_id": "${DROP_KEY}",
        "secret_key": "${DROP_SECRET}",
        "wait_seconds": 0,
    }

    def put(path: str, content: bytes) -> None:
        client.put_object(Bucket=name, Key=f"daily/{path}", Body=content)

    return Drop(folder, wire, source, put)


def sftp_drop(request, folder: Path) -> Drop:
    root, port = request.getfixturevalue("ssh")
    keys = request.getfixturevalue("keys")
    wire = Wire(("127.0.0.1", port))
    home = folder.name
    source = {
        "url": f"sftp://reader:${{DROP_SECRET}}@127.0.0.1:{wire.port}/{home}/daily",
        "host_key": public(keys),
        "wait_seconds": 0,
    }

    def put(path: str, content: bytes) -> None:
        file = root / home / "daily" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (MOMENT, MOMENT))

    return Drop(folder, wire, source, put)


def orders(*numbers: int) -> bytes:
    return (ORDERS + "".join(ROW.format(number) for number in numbers)).encode()


def test_files_arrive_as_they_are_each_once(drop):
    drop.put("in/orders/a.csv", orders(1, 2))
    drop.put("in/orders/deep/b.csv", orders(9))
    drop.put("in/orders/c.txt", b"no")
    drop.put("in/orders/.d.csv", b"half writt")
    drop.put("in/customers/e.csv", b"no")
    (seen,) = drop.live.night("shop/orders")
    assert (seen.problem, seen.files) == (None, ["a.csv"])
    assert drop.live.raw("orders", "order_id, source_file") == [
        ("1", "shop/orders/a.csv"), ("2", "shop/orders/a.csv"),
    ]  # fmt: skip
    assert drop.fetch().files == []
    drop.put("in/orders/b.csv", orders(3))
    assert drop.live.night("shop/orders")[0].files == ["b.csv"]
    assert drop.files() == ["a.csv", "b.csv"]


def test_a_file_with_new_content_is_brought_again_and_supersedes(drop):
    drop.put("in/orders/a.csv", orders(1))
    drop.live.night("shop/orders")
    drop.put("in/orders/a.csv", orders(1, 2))
    assert drop.live.night("shop/orders")[0].files == ["a.csv"]
    assert drop.live.raw("orders", "distinct order_id") == [("1",), ("2",)]


def test_folders_below_a_wildcard_are_kept(drop):
    drop.configure("in/**/*.csv")
    drop.put("in/2026-06-01/a.csv", orders(1))
    drop.put("in/2026-06-02/x/a.csv", orders(2))
    assert drop.fetch().files == ["2026-06-01/a.csv", "2026-06-02/x/a.csv"]
    assert drop.files() == ["2026-06-01/a.csv", "2026-06-02/x/a.csv"]


def test_a_connection_that_drops_leaves_whole_files_and_no_half_one(drop):
    drop.put("in/orders/a.csv", orders(1))
    drop.put("in/orders/b.csv", orders(*range(100_000, 150_000)))
    drop.wire.mend(limit=600_000)
    seen = drop.fetch()
    assert seen.problem and seen.attempts == 3
    assert drop.files() == ["a.csv"]
    drop.wire.mend()
    assert drop.fetch().files == ["b.csv"]
    assert (drop.live.folder / "landing/shop/orders/b.csv").read_bytes() == orders(
        *range(100_000, 150_000)
    )


def test_secrets_are_written_nowhere_and_a_wrong_one_is_told(drop, monkeypatch):
    drop.put("in/orders/a.csv", orders(1))
    drop.fetch()
    monkeypatch.setenv("DROP_SECRET", "another-secret")
    seen = drop.fetch()
    if "sftp" in drop.source["url"]:
        assert "reader does not come in by the password" in seen.problem and seen.attempts == 1
    for secret in (SECRET, "another-secret"):
        assert secret.encode() not in drop.live.texts() and secret not in repr(seen)


def test_what_is_not_there_is_told(drop):
    if "sftp" in drop.source["url"]:
        drop.configure("nowhere/*.csv")
        assert "no such folder or file" in drop.fetch().problem
    else:
        drop.configure("in/*.csv", url="s3://no-such-bucket/daily")
        assert "NoSuchBucket" in drop.fetch().problem


def test_a_bucket_may_hold_keys_that_climb_out(request, tmp_path, monkeypatch):
    monkeypatch.setenv("DROP_KEY", KEY_ID)
    monkeypatch.setenv("DROP_SECRET", SECRET)
    drop = bucket_drop(request, tmp_path)
    drop.configure("in/**/*.csv")
    for key in ("in/../../../out.csv", "in//a.csv", "in/x/../b.csv", "in/good.csv"):
        drop.put(key, orders(1))
    seen = drop.fetch()
    assert seen.files == ["good.csv"] and seen.problem is None
    assert len(seen.warnings) == 2
    assert not list(tmp_path.rglob("out.csv")) and not list(tmp_path.parent.glob("out.csv"))
    drop.wire.close()


def test_a_bucket_may_hold_keys_that_no_disk_can(request, tmp_path, monkeypatch):
    monkeypatch.setenv("DROP_KEY", KEY_ID)
    monkeypatch.setenv("DROP_SECRET", SECRET)
    drop = bucket_drop(request, tmp_path)
    drop.configure("in/**/*.csv")
    odd = "'; drop table x; -- {{ y }} \x1b[2J.csv"
    for key in ("both.csv", "both.csv/a.csv", f"{'あ' * 100}.csv", odd, "good.csv"):
        drop.put(f"in/{key}", orders(1))
    seen = drop.fetch()
    assert sorted(seen.files) == sorted(["both.csv", odd, "good.csv"]) and seen.problem is None
    assert len(seen.warnings) == 2
    drop.wire.close()


def test_a_bucket_is_asked_in_its_region_with_what_the_machine_is_allowed_to(
    request, tmp_path, monkeypatch
):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    drop = bucket_drop(request, tmp_path)
    drop.put("in/orders/a.csv", orders(1))
    drop.configure("in/orders/*.csv", region="eu-central-1", key_id=None, secret_key=None)
    seen = drop.fetch()
    assert "`key_id` and `secret_key`" in seen.problem and seen.attempts == 1
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert drop.fetch().files == ["a.csv"]
    assert b"Credential=machine/" in drop.wire.asked
    assert b"/eu-central-1/s3/aws4_request" in drop.wire.asked
    assert SECRET.encode() not in drop.wire.asked + drop.live.texts()
    drop.wire.close()


class Growing:
    """A folder with a file that somebody writes while it is read."""

    is_growing = True

    def files(self, below: str, is_deep: bool) -> Iterator[Remote]:
        yield Remote("a.csv", 5, "then", MOMENT)

    def get(self, remote: Remote, to: BinaryIO) -> None:
        to.write(b"order")

    def is_as_it_was(self, remote: Remote) -> bool:
        return not self.is_growing


def test_a_file_that_is_still_being_written_is_left_for_later(tmp_path):
    folder, drop = Files(path="*.csv"), Growing()
    memory = Memory.of(tmp_path, folder)

    def bring() -> Fetched:
        report = Fetched("shop", "orders", "sftp://host", True)
        bring_files(nullcontext(drop), folder, memory, report)
        return report

    seen = bring()
    assert seen.files == [] and "a.csv is still being written" in seen.warnings[0]
    assert list(tmp_path.iterdir()) == []
    drop.is_growing = False
    assert bring().files == ["a.csv"] and bring().files == []
    assert (tmp_path / "a.csv").stat().st_mtime == MOMENT


@pytest.mark.parametrize(
    ("pattern", "root", "matching", "other"),
    [
        ("a/*.csv", "a", "a/x.csv", "a/b/x.csv"),
        ("a/b.csv", "a", "a/b.csv", "a/bxcsv"),
        ("*.csv", "", "x.csv", "a/x.csv"),
        ("a/**/*.csv", "a", "a/b/c/x.csv", "b/x.csv"),
        ("a/2026-??/x.csv", "a", "a/2026-06/x.csv", "a/2026-6/x.csv"),
    ],
)
def test_patterns(pattern, root, matching, other):
    assert fixed(pattern) == root
    assert expression(pattern).fullmatch(matching) and not expression(pattern).fullmatch(other)
