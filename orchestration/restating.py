"""What the last published night said, laid down for the next to compare its own figures with."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import publishing
from orchestration.company import Company
from orchestration.ledger import empty_published, write_export

MARTS = {
    "published_values": "kpi_values",
    "published_definitions": "kpi_catalog",
    "published_person_ids": "person_ids",
}


def lay_down_published(company: Company, as_of: date) -> None:
    """Write the ledger's exports `published_…`; without rows where nothing was published, or
    only for a later day.
    """
    version = publishing.current(company)
    tables = empty_published()
    if version is not None and version.as_of <= as_of:
        loads = [load["load_id"] for load in version.manifest["inputs"]]
        tables["published_loads"] = pa.table({"load_id": pa.array(loads, pa.string())})
        for table, mart in MARTS.items():
            tables[table] = _read(version, mart, tables[table].schema)
    for table, rows in tables.items():
        write_export(company.raw, table, rows)


def _read(version: publishing.Version, mart: str, schema: pa.Schema) -> pa.Table:
    """Those columns of a published mart; null where an older release did not have them."""
    path = version.folder / "parquet" / f"{mart}.parquet"
    if not path.is_file():
        return schema.empty_table()
    with pq.ParquetFile(path) as file:
        known = [name for name in schema.names if name in file.schema_arrow.names]
        found = file.read(known)
    columns = [
        found[name].cast(kind) if name in known else pa.nulls(found.num_rows, kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.table(columns, schema=schema)
