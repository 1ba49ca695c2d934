"""Raw data as a night leaves it for dbt, written from rows, for tests that begin there."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.ledger import EXPORTS, empty_published, write_export
from orchestration.linking import TABLE, Linked, link_persons, no_links
from orchestration.vault import Keeper, Vault

DELIVERED_AT = datetime(2030, 1, 1)


class RawData:
    """The raw folder of a company, filled feed by feed."""

    def __init__(self, company: Path, settings: Mapping[str, Any]):
        """Make the company's folder; `settings` are the keys of its company.yml."""
        self.company = company
        self.raw = company / "data" / "raw"
        self.loads: list[dict[str, Any]] = []
        self.published = empty_published()
        self.links = no_links()
        self.values: set[str] = set()  # that the vault keeps
        (company / "landing").mkdir(parents=True)
        (company / "reference").mkdir()
        lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
        (company / "company.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for feed in feeds_by_name():
            self._write(feed, "none", "empty.parquet", "", [])

    def deliver(
        self,
        feed: str,
        system: str,
        rows: Sequence[Mapping[str, Any]],
        delivered_at: datetime = DELIVERED_AT,
        is_full: bool = False,
    ) -> None:
        """One load of a feed: `rows` by column, what they leave out is null."""
        load_id = f"{len(self.loads) + 1:06d}-{system}"
        origin = {"source_file": f"{system}/{feed}/{load_id}.csv", "delivered_at": delivered_at}
        numbered = [{**row, **origin, "source_row": i} for i, row in enumerate(rows, start=2)]
        self._write(feed, load_id, "part-0.parquet", system, numbered)
        kept = [column.name for column in feeds_by_name()[feed].columns if column.vault]
        self.values |= {row[name] for row in rows for name in kept if row.get(name)}
        self.loads.append(
            {
                "load_id": load_id,
                "system": system,
                "source": feeds_by_name()[feed].source,
                "feed": feed,
                "file": origin["source_file"],
                "sha256": load_id,
                "delivered_at": delivered_at,
                "rows_in": len(rows),
                "rows_loaded": len(rows),
                "rows_quarantined": 0,
                "rows_duplicate": 0,
                "is_superseded": False,
                "is_full": is_full,
                "delivery": load_id,
                "unknown_columns": None,
            }
        )

    def reference(self, name: str, text: str) -> None:
        """Replace a reference file of the project by the company's own."""
        (self.company / "reference" / name).write_text(text, encoding="utf-8")

    def link(
        self, as_of: date, id_systems: Mapping[str, Mapping[str, str]] | None = None
    ) -> Linked:
        """Find out who is who of what was delivered so far, as a night does before it builds; the
        values stand in raw by themselves and not as tokens.
        """
        self.write_ledger()
        company = load_company(self.company)
        keeper = Keeper(Vault(company))
        values = pa.table({"token": sorted(self.values), "value": sorted(self.values)})
        keeper.keep(values.cast(pa.schema({"token": pa.string(), "value": pa.string()})))
        keeper.close()
        linked = link_persons(company, as_of, id_systems or {})
        self.links = linked.table
        return linked

    def build(
        self,
        as_of: date,
        select: str,
        id_systems: Mapping[str, Mapping[str, str]] | None = None,
        tests: bool = True,
    ) -> Path:
        """Run dbt for the models that `select` names; the path of the warehouse."""
        self.write_ledger()
        program = [sys.executable, "-m", "orchestration.dbt", "--company", str(self.company)]
        given = ["--as-of", as_of.isoformat(), "--id-systems", json.dumps(id_systems or {})]
        command = ["--", "build", "--quiet", "--exclude-resource-type", "unit_test"]
        command += [] if tests else ["--exclude-resource-type", "test"]
        # not the tests that also read a model which is not built
        command += ["--indirect-selection", "buildable", "--select"]
        done = subprocess.run(
            [*program, *given, *command, *select.split()],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return self.company / "data" / "work" / "dev" / "warehouse.duckdb"

    def _write(
        self, feed: str, load_id: str, file: str, system: str, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        contract = feeds_by_name()[feed]
        unknown = {name for row in rows for name in row} - set(contract.schema)
        assert not unknown, f"{feed} has no columns {sorted(unknown)}"
        folder = self.raw / contract.source / feed / f"load_id={load_id}"
        folder.mkdir(parents=True)
        names = [name for name in contract.schema if name != "system"]
        given = pa.table({name: _values(rows, name) for name in names})
        columns = ", ".join(
            f"'{system}' as system" if name == "system" else f'cast("{name}" as {kind}) as "{name}"'
            for name, kind in contract.schema.items()
        )
        with duckdb.connect() as connection:
            connection.register("given", given)
            connection.execute(f"copy (select {columns} from given) to '{folder / file}'")

    def write_ledger(self) -> None:
        """Export the ledger of what was delivered so far, and of what was published last."""
        for table, (_, types) in EXPORTS.items():
            rows = self.loads if table == "loads" else []
            columns = {name: pa.array([row[name] for row in rows], t) for name, t in types.items()}
            write_export(self.raw, table, pa.table(columns))
        for table, rows in {**self.published, TABLE: self.links}.items():
            write_export(self.raw, table, rows)


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> pa.Array:
    values = pa.array([row.get(name) for row in rows])
    return values.cast(pa.string()) if pa.types.is_null(values.type) else values
