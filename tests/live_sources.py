"""A company whose systems are fetched, and a wire to a server that can be cut."""

import contextlib
import socket
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import yaml

from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.landing import Landing
from orchestration.live.fetching import Fetched, fetch

D = "2026-06-30"
AWAY = "127.0.0.2"  # this machine too, but spoken to as any other


class Live:
    """A company folder, what is fetched into it and what of that arrives."""

    def __init__(self, folder: Path, **systems: dict):
        self.folder = folder
        self.runs = 0
        self.configure(**systems)

    def configure(self, **systems: dict) -> None:
        self.systems = systems
        text = {
            "max_quarantined_share": "99 %",
            "systems": {name: {"fetch": fetch} for name, fetch in systems.items()},
        }
        (self.folder / "landing").mkdir(exist_ok=True)
        (self.folder / "company.yml").write_text(yaml.safe_dump(text))

    def fetch(self, name: str, as_of: str = D) -> Fetched:
        """Fetch `system/folder`."""
        system, folder = name.split("/")
        return fetch(load_company(self.folder), system, folder, date.fromisoformat(as_of))

    def night(self, *names: str) -> list[Fetched]:
        """Fetch, and land what lies there."""
        seen = [self.fetch(name) for name in names]
        self.runs += 1
        landing = Landing(load_company(self.folder), date.fromisoformat(D), f"run-{self.runs}")
        self.reports = {feed.name: landing.load(feed) for feed in landing.feeds}
        landing.close()
        return seen

    def raw(self, feed: str, columns: str) -> list[tuple]:
        source = feeds_by_name()[feed].source
        path = f"{self.folder}/data/raw/{source}/{feed}/*/*.parquet"
        return duckdb.sql(f"select {columns} from read_parquet('{path}') order by all").fetchall()

    def files(self, name: str) -> list[str]:
        folder = self.folder / "landing" / name
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    def texts(self) -> bytes:
        """Everything that was written, to look for what must not be in it."""
        return b"".join(p.read_bytes() for p in self.folder.rglob("*") if p.is_file())


def assert_a_cursor_grows(shop: Live, is_number: bool, add: Callable[[int, str], None]) -> None:
    """`add` gives the order of a number a cursor; orders has all of shop's orders."""
    days = ["2026-01-09", "2026-01-10", "2026-01-11"]
    first, second, third = ["9", "10", "9007199254740993"] if is_number else days
    add(1, first)
    add(2, second)
    assert shop.fetch("shop/orders").rows == 2
    add(3, third)
    assert shop.fetch("shop/orders").rows == 1
    assert shop.fetch("shop/orders").rows == 0


def assert_a_dropped_connection_is_caught_up(shop: Live, wire: "Wire") -> Fetched:
    """Of 50,000 orders, which are new; yields what became of them when it dropped."""
    before = shop.files("shop/orders") or [".fetched.json"]
    wire.mend(limit=2_500_000)
    seen = shop.fetch("shop/orders", "2026-07-01")
    assert seen.problem and seen.attempts == 3 and wire.carried > 1_000_000
    assert shop.files("shop/orders") == before
    wire.mend()
    assert shop.night("shop/orders")[0].rows == 50_000
    return seen


def assert_tls_is_wanted(shop: Live, source: dict, off: str) -> None:
    """Of a source on another machine that speaks no TLS, which has one order."""
    shop.configure(shop=source)
    assert f"`?{off}` goes without" in shop.fetch("shop/orders").problem
    shop.configure(shop=source | {"url": f"{source['url']}?{off}"})
    assert shop.fetch("shop/orders").rows == 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Wire:
    """A port of this machine that leads to a server; after `limit` bytes of answers it is cut."""

    def __init__(self, to: str | tuple[str, int], host: str = "127.0.0.1"):
        self.to, self.host = to, host
        self.limit: int | None = None
        self.carried = 0
        self.asked = b""
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def is_cut(self) -> bool:
        return self.limit is not None and self.carried >= self.limit

    def mend(self, limit: int | None = None) -> None:
        self.carried, self.limit = 0, limit

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                kind = socket.AF_UNIX if isinstance(self.to, str) else socket.AF_INET
                far = socket.socket(kind)
                far.connect(self.to)
                for source, target, counts in ((near, far, False), (far, near, True)):
                    threading.Thread(
                        target=self._carry, args=(source, target, counts), daemon=True
                    ).start()

    def _carry(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                if not counts:
                    self.asked += data
                else:
                    self.carried += len(data)
                    if self.is_cut:
                        break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
