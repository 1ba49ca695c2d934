"""What is remembered of what was fetched, beside the files that hold it."""

import json
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from orchestration.configuration import ConfigError
from orchestration.disk import rename_in
from orchestration.live.config import Folder

STATE = ".fetched.json"
ASIDE = ".fetching"
CHECK = "could be fetched"  # what data_quality tells of each folder and night


def sweep(landing: Path) -> None:
    """Remove what a fetch that was killed left half written."""
    for path in landing.glob(f"*/*/{ASIDE}"):
        path.unlink()


@dataclass
class Fetched:
    """What became of one folder of a live source in one night."""

    system: str
    folder: str
    place: str
    is_required: bool
    rows: int = 0
    files: list[str] = field(default_factory=list)
    cursor: str | None = None
    last: date | None = None  # the as-of date of the last night that reached it
    attempts: int = 0
    seconds: float = 0.0
    problem: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.system}/{self.folder}"


@dataclass
class Memory:
    """How far a folder was fetched: the file beside what was fetched."""

    folder: Path
    content: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, asked: Folder) -> "Memory":
        """What is known; nothing of a cursor, where another thing is asked for than before."""
        path = folder / STATE
        try:
            content = json.loads(path.read_text()) if path.is_file() else {}
        except ValueError as error:
            raise ConfigError(
                f"{path}: {error}; take it away, and everything is fetched again"
            ) from None
        wanted = asked.model_dump(mode="json", exclude={"policy", "overlap"})
        question = sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
        if content.get("asked") != question:
            content = {"number": content.get("number", 0), "asked": question}
        return cls(folder, content)

    def keep(self) -> None:
        aside = self.folder / f"{STATE}.tmp"
        aside.write_text(json.dumps(self.content, ensure_ascii=False, indent=1) + "\n")
        rename_in(aside, self.folder / STATE)
