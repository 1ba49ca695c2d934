"""What is new of a live source, written to one file: columns of text, or lines of JSON."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.ingest.reading import unique_names
from orchestration.live.databases import Batch
from orchestration.live.watermark import Mark

# Each file has its number in it, and so is a delivery of its own even where its rows are as before.


def write_batches(batches: Iterable[Batch], mark: Mark, path: Path, number: int) -> None:
    """Write the rows of batches as Parquet whose columns are all text."""
    writer = None
    try:
        for batch in batches:
            if writer is None:
                names = unique_names(batch.names)
                about = {"fetched": str(number)}
                schema = pa.schema([(name, pa.string()) for name in names], metadata=about)
                writer = pq.ParquetWriter(path, schema)
            new = [
                row
                for row, cursor in zip(batch.rows, batch.cursors, strict=True)
                if mark.admit(cursor, json.dumps(row).encode())
            ]
            if new:
                columns = [pa.array(column, pa.string()) for column in zip(*new, strict=True)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    finally:
        if writer is not None:
            writer.close()


def write_items(items: Iterable[tuple[Any, Any]], mark: Mark, path: Path, number: int) -> None:
    """Write objects, each behind its cursor, as lines of JSON."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(f"{number}.jsonl", "wb", fileobj=file, mtime=0) as packed,
    ):
        for cursor, item in items:
            line = json.dumps(item, ensure_ascii=False, sort_keys=True, default=str).encode()
            if mark.admit(cursor, line):
                packed.write(line + b"\n")
