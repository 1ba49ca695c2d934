"""Rows a second from a clean CSV into raw Parquet, beside DuckDB's own typed COPY of that file."""

import argparse
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.machine import describe_machine
from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.landing import Landing

AS_OF = date(2026, 6, 30)
FEED = "web_events"
COLUMNS = ["event_id", "anonymous_id", "session_id", "occurred_at", "event_name", "platform"]


def write_export(path: Path, rows: int) -> None:
    """A canonical export of web events without a fault, some 61 bytes a row."""
    path.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"""
            copy (
                select
                    printf('E%09d', i) as event_id,
                    printf('A%07d', hash(i // 9) % {max(rows // 20, 1)}) as anonymous_id,
                    printf('S%07d', i // 6) as session_id,
                    strftime(
                        timestamp '2025-07-01' + to_seconds(i * 30_000_000 // {rows}),
                        '%Y-%m-%d %H:%M:%S'
                    ) as occurred_at,
                    (['page_view', 'page_view', 'product_view', 'login', 'add_to_cart'])
                        [cast(1 + hash(i, 1) % 5 as int)] as event_name,
                    (['web', 'web', 'ios'])[cast(1 + hash(i, 2) % 3 as int)] as platform
                from range({rows}) as numbers(i)
            ) to '{path}' (format csv, header true)
        """)


def load_by_landing(export: Path, folder: Path) -> float:
    """Seconds of one night's landing in a company that never had one."""
    landing = folder / "landing" / "web" / FEED
    landing.mkdir(parents=True)
    (folder / "company.yml").write_text("name: Benchmark\nbusiness_timezone: UTC\n")
    (landing / export.name).hardlink_to(export)
    company = load_company(folder)
    started = time.perf_counter()
    night = Landing(company, AS_OF, "benchmark")
    for feed in night.feeds:
        report = night.load(feed)
        assert not report.rows_quarantined and not report.warnings, report
    night.close()
    return time.perf_counter() - started


def copy_by_duckdb(export: Path, folder: Path) -> float:
    """Seconds of DuckDB's COPY of the file, its columns typed as the feed has them."""
    types = feeds_by_name()[FEED].schema
    columns = ", ".join(f"'{name}': '{types[name]}'" for name in COLUMNS)
    folder.mkdir(parents=True)
    started = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute(f"""
            copy (
                from read_csv(
                    '{export}', auto_detect = false, header = true, delim = ',', quote = '"',
                    escape = '"', columns = {{{columns}}}
                )
            ) to '{folder / "copy.parquet"}' (format parquet)
        """)
    return time.perf_counter() - started


def count(files: Path) -> int:
    """Rows in Parquet files; an error where there are none."""
    (rows,) = duckdb.sql(f"select count(*) from '{files}'").fetchone() or (0,)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="of each side, in turn")
    parser.add_argument("--folder", type=Path, help="where to work; needs some 3 GB (temporary)")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=given.folder, prefix="ingest-") as name:
        folder = Path(name)
        export = folder / "export" / "events.csv"
        write_export(export, given.rows)
        size = export.stat().st_size
        print(f"{describe_machine()}\n{given.rows:,} rows of {size / given.rows:.0f} bytes")
        ours, theirs = [], []
        for number in range(given.rounds):
            company, copied = folder / f"company-{number}", folder / f"copied-{number}"
            theirs.append(copy_by_duckdb(export, copied))
            ours.append(load_by_landing(export, company))
            loaded = count(company / "data/raw/web/web_events/load_id=0*/*.parquet")
            assert loaded == count(copied / "copy.parquet") == given.rows, loaded
            shutil.rmtree(company)
            shutil.rmtree(copied)
            print(f"round {number + 1}: landing {ours[-1]:.1f} s, COPY {theirs[-1]:.1f} s")
        print(
            f"best: landing {given.rows / min(ours):,.0f} rows/s,"
            f" COPY {given.rows / min(theirs):,.0f} rows/s, ratio {min(theirs) / min(ours):.2f}"
        )


if __name__ == "__main__":
    main()
