"""What became of the fuzz pack: each case's rows, in raw and aside, held to its manifest."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from fuzz.case import Case

from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.landing import Landing

AS_OF = date(2026, 1, 31)


@dataclass
class Verdict:
    """A case's faults by kind, and how many of its reasons were right."""

    lost: list[str] = field(default_factory=list)
    let_in: list[str] = field(default_factory=list)
    misjudged: list[str] = field(default_factory=list)
    reasons: int = 0


class Outcome:
    """A landing of all that lies in a company folder, and what is known of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        landing = Landing(load_company(folder), AS_OF, "run-1")
        self.reports = {feed.name: landing.load(feed) for feed in landing.feeds}
        landing.close()
        self.rejected = dict(landing.rejected)
        self.warnings: list[str] = []
        for report in self.reports.values():
            self.rejected |= report.rejected
            self.warnings += report.warnings
        self._rows = {name: self._read(feed.source, name) for name, feed in feeds_by_name().items()}
        self._aside = self._read("ledger", "quarantined_rows")

    def _read(self, source: str, table: str) -> list[dict[str, Any]]:
        files = f"{self.folder}/data/raw/{source}/{table}/*/*.parquet"
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.sql(f"from read_parquet('{files}')").to_arrow_table().to_pylist()

    def of(self, system: str) -> tuple[dict[int, dict[str, Any]], set[int]]:
        """The orders of a system by their places, and the places set aside."""
        rows = {r["source_row"]: r for r in self._rows["orders"] if r["system"] == system}
        return rows, {q["line"] for q in self._aside if q["system"] == system}

    def judge(self, system: str, case: Case) -> Verdict:
        verdict = Verdict(reasons=len(case.aside) + len(case.rejected))
        rows = [row for row in self._rows[case.feed] if row["system"] == system]
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(row[case.key], []).append(row)
        for wanted, values in case.arrive.items():
            if wanted not in found:
                verdict.lost.append(f"{wanted!r} did not arrive")
            for row in found.get(wanted, [])[:1]:
                verdict.lost += [
                    f"{wanted!r}.{name} is {row[name]!r}, not {value!r}"
                    for name, value in values.items()
                    if row[name] != value and not case.winner
                ]
        verdict.let_in += [f"{one!r} arrived" for one in found if one not in case.arrive]
        verdict.misjudged += self._misjudged(system, case)
        return verdict

    def _misjudged(self, system: str, case: Case) -> Iterator[str]:
        aside = [q for q in self._aside if q["system"] == system]
        seen = {(q["file"].split("/")[-1], q["line"], q["column_name"], q["reason"]) for q in aside}
        for want in case.aside:
            file = want.file or next(iter(case.files))
            right = {
                s for s in seen if s[:3] == (file, want.line, want.column) and want.reason in s[3]
            }
            if not right:
                place = f"line {want.line}, {want.column}"
                yield f"{place}: not {want.reason!r}, but {sorted(seen, key=str)}"
            seen -= right
        for file, reason in case.rejected.items():
            said = self.rejected.get(f"{system}/{case.feed}/{file}", "")
            if reason not in said:
                yield f"{file} rejected for {said!r}, not {reason!r}"
            seen = {s for s in seen if s[0] != file or s[1] is not None}
        yield from (f"also set aside: {one}" for one in seen)
        warnings = [w for w in self.warnings if w.startswith(f"{system}/")]
        for told in case.told:
            if not any(told in warning for warning in warnings):
                yield f"nothing said of {told!r}"
