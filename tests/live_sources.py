"""A company whose systems are fetched, and a wire to a server that can be cut."""

import contextlib
import socket
import threading
from datetime import date
from pathlib import Path

import duckdb
import yaml

from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.landing import Landing
from orchestration.live.fetching import Fetched, fetch

D = "2026-06-30"


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


class Wire:
    """A port of 127.0.0.1 that leads to a server; after `limit` bytes of answers it is cut."""

    def __init__(self, to: str | tuple[str, int]):
        self.to = to
        self.limit: int | None = None
        self.carried = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
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
                if counts:
                    self.carried += len(data)
                    if self.is_cut:
                        break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
