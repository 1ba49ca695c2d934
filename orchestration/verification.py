"""Verification: whether what lies on the disk is what the manifest and the ledger say of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import publishing
from orchestration.company import Company
from orchestration.disk import digest
from orchestration.ledger import EXPORTED, RAW_FILE, Ledger, Load, raw_folder
from orchestration.publishing import Version

OF_NO_LOAD = ("load_id=none", EXPORTED)  # made anew by any night that lacks them


@dataclass
class Verified:
    """How many files were looked at, and in words each that is not what it should be."""

    of_version: int = 0
    of_raw: int = 0
    only_counted: int = 0  # loaded by a release that kept no hash
    wrong: list[str] = field(default_factory=list)


def verify(company: Company, version: Version) -> Verified:
    """Hold a version to its manifest and raw to the ledger. Only for who holds the lock."""
    loads = [load for load in Ledger(company.ledger).loads() if not load.is_rejected]
    return Verified(
        of_version=len(version.manifest["files"]),
        of_raw=len(loads),
        only_counted=sum(load.raw_sha256 is None for load in loads),
        wrong=[
            *publishing.differences(version),
            *_unknown_inputs(version, loads),
            *(f"{path} {how}" for path, how in _raw_differences(company, loads)),
        ],
    )


def _unknown_inputs(version: Version, loads: list[Load]) -> Iterator[str]:
    """Loads that a version was made of and that the ledger does not know."""
    known = {load.load_id for load in loads}
    for made_of in version.manifest["inputs"]:
        if made_of["load_id"] not in known:
            yield (
                f"{made_of['file']} (load {made_of['load_id']}) is in the manifest of"
                f" {version.folder} and not in the ledger"
            )


def _raw_differences(company: Company, loads: list[Load]) -> Iterator[tuple[Path, str]]:
    """Each file of raw that is not what the ledger says, and how."""
    places = {raw_folder(company.raw, load): load for load in loads}
    for folder, load in places.items():
        path = folder / RAW_FILE
        if not path.is_file():
            yield path, f"is gone: the rows of {load.file}"
        elif load.raw_sha256 is None:
            if (rows := _rows(path)) != load.rows_loaded:
                yield path, f"has {rows} rows where the ledger says {load.rows_loaded}"
        elif digest(path) != load.raw_sha256:
            yield path, f"is not what the ledger says: the rows of {load.file}"
    for path in sorted(company.raw.glob("*/*/load_id=*/*")):
        is_loads = path.parent in places and path.name == RAW_FILE
        if not is_loads and path.parent.name not in OF_NO_LOAD:
            yield path, "is in no ledger"


def _rows(path: Path) -> int | str:
    """How many a Parquet file has."""
    try:
        return pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError):
        return "no readable"
