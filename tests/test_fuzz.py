"""The fuzz pack: what of nearly 300 spoiled deliveries arrives, what is set aside, and why."""

import gzip
import json
import os
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from fuzz.judge import AS_OF, Outcome, Verdict
from fuzz.pack import STAMP, systems, write_company
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestration.company import load_company
from orchestration.dbt import Dbt

RIGHT_REASONS = 0.95  # at least; what is short of 1 is printed


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> tuple[Outcome, dict[str, Verdict]]:
    folder = tmp_path_factory.mktemp("fuzz")
    write_company(folder)
    outcome = Outcome(folder)
    return outcome, {
        f"{system}: {case.name}": outcome.judge(system, case) for system, case in systems().items()
    }


def test_no_good_row_is_lost_or_changed(pack):
    assert not {name: v.lost for name, v in pack[1].items() if v.lost}


def test_no_bad_row_is_let_in(pack):
    assert not {name: v.let_in for name, v in pack[1].items() if v.let_in}


def test_the_reasons_and_places_are_right(pack):
    reasons = sum(verdict.reasons for verdict in pack[1].values())
    wrong = {name: v.misjudged for name, v in pack[1].items() if v.misjudged}
    right = 1 - sum(map(len, wrong.values())) / reasons
    print(f"{len(pack[1])} cases, {reasons} reasons, {right:.1%} right")
    assert right >= RIGHT_REASONS, wrong


def test_of_conflicting_rows_one_wins_whatever_the_order(tmp_path):
    write_company(tmp_path, "conflict")
    company, day = load_company(tmp_path), AS_OF
    Outcome(tmp_path)
    dbt = Dbt(company, day, {}, company.work / "by-hand")
    assert dbt.run("run", "--quiet", "--select", "+stg_orders__orders").returncode == 0
    with duckdb.connect(str(dbt.warehouse), read_only=True) as connection:
        staged = connection.sql("select system, order_id, total from staging.stg_orders__orders")
        found = {(system, order): total for system, order, total in staged.fetchall()}
    wanted = {
        (system, order): total
        for system, case in systems().items()
        if "conflict" in case.name
        for order, total in case.winner.items()
    }
    assert found == wanted and len(wanted) > 10


def test_what_holds_personal_data_names_none_of_it(pack):
    said = "".join([*pack[0].warnings, *pack[0].rejected.values()])
    assert "2026-01-05 10:00:00" not in said  # a header that is missing is not the first row


def test_the_pack_is_the_same_every_time(tmp_path):
    for name in ("one", "other"):
        write_company(tmp_path / name)
    one, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in files}
        for name in ("one", "other")
        for files in [[p for p in (tmp_path / name).rglob("*") if p.is_file()]]
    )
    assert one == other


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
def test_a_line_of_100_mb_is_rejected_by_its_place(tmp_path, name):
    line = b"x" * 100_000_000
    rows = WHOLE["a.csv"][0] + b"\n" + line
    content = {"a.csv": rows, "a.jsonl": line, "a.csv.gz": gzip.compress(rows)}
    _deliver(tmp_path, "shop", name, content[name])
    said = Outcome(tmp_path).rejected[f"shop/orders/{name}"]
    assert "line" in said or "zip bomb" in said


# ---- at random

ROWS = 30
GOOD = [
    {
        "order_id": f"id-{i:04}",
        "customer_id": f"c,{i}" if i % 5 == 0 else f"c{i}",
        "ordered_at": f"2026-01-{1 + i % 28:02} 10:00:00",
        "status": "paid",
        "currency": "JPY",
        "total": str(1000 + i),
        "channel": "店舗\n一階" if i % 7 == 0 else "通販",
    }
    for i in range(ROWS)
]


def _as_csv() -> list[bytes]:
    def quoted(cell: str) -> str:
        return f'"{cell}"' if "," in cell or "\n" in cell else cell

    lines = [",".join(GOOD[0]), *(",".join(map(quoted, row.values())) for row in GOOD)]
    return [line.encode() for line in lines]


def _as_json() -> list[bytes]:
    return [json.dumps(row, ensure_ascii=False).encode() for row in GOOD]


WHOLE = {"a.csv": _as_csv(), "a.jsonl": _as_json(), "a.csv.gz": _as_csv()}
DAMAGE = st.tuples(
    st.sampled_from(["flip", "cut", "insert", "end"]),
    st.integers(0, 10_000),
    st.one_of(st.sampled_from(list(b'"\n\r,\0;{}\\')), st.integers(0, 255)),
    st.integers(1, 12),
)


def spoil(content: bytes, damage: list[tuple[str, int, int, int]]) -> bytes:
    for kind, place, byte, length in damage:
        at = place % max(len(content), 1)
        if kind == "flip":
            content = content[:at] + bytes([byte]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at] + content[at + length :]
        elif kind == "insert":
            content = content[:at] + bytes([byte]) * (1 + length % 3) + content[at:]
        elif length == 1:
            content = content[:at]
    return content


def _deliver(folder: Path, system: str, name: str, content: bytes) -> None:
    (folder / "company.yml").write_text("max_quarantined_share: '100 %'\n")
    path = folder / "landing" / system / "orders" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (STAMP, STAMP))


def _faults(outcome: Outcome, system: str, name: str, content: bytes) -> list[str]:
    """Untouched rows that are neither in raw, as delivered, nor aside at their line; and rows in
    raw that are not what stands at their place.
    """
    if f"{system}/orders/{name}" in outcome.rejected:
        return []
    arrived, aside = outcome.of(system)
    lines = content.decode("utf-8-sig").split("\n")
    # a column whose name was damaged is one that is told as gone
    named = {*GOOD[0]} if name == "a.jsonl" else {cell.strip() for cell in lines[0].split(",")}
    faults = []
    for row, whole in zip(GOOD, WHOLE[name][len(WHOLE[name]) - ROWS :], strict=True):
        places = [at + 1 for at in _places(content, whole)]
        for place in places:
            found = arrived.get(place)
            if place in aside and found is None:
                continue
            if found is None:
                faults.append(f"line {place}: {row['order_id']} is nowhere")
            elif any(_texts(found)[column] != row[column] for column in named & row.keys()):
                faults.append(f"line {place}: {_texts(found)}")
    for place, found in arrived.items():
        told = "\n".join(lines[place - 1 : place + 3])
        if found["order_id"] not in told:
            faults.append(f"line {place}: {found['order_id']!r} does not stand there")
    return faults


def _places(content: bytes, whole: bytes) -> list[int]:
    """How many lines lie above each place where a row stands between two line ends."""
    inside = b"\n" + content + b"\n"
    at, places = -1, []
    while (at := inside.find(b"\n" + whole + b"\n", at + 1)) >= 0:
        places.append(inside.count(b"\n", 0, at))
    return places


def _texts(row: dict) -> dict[str, str]:
    at: datetime = row["ordered_at"]
    local = at.replace(hour=at.hour + 9)
    return {name: str(row[name]) for name in GOOD[0]} | {
        "ordered_at": f"{local:%Y-%m-%d %H:%M:%S}",
        "total": f"{row['total'].normalize():f}",
    }


def check_random_damage(folder: Path, damages: list) -> None:
    contents = {}
    for number, (name, damage) in enumerate(damages):
        content = b"\n".join(WHOLE[name]) + b"\n"
        if name.endswith(".gz"):
            content = gzip.compress(content, mtime=0)
        contents[f"s{number}", name] = spoil(content, damage)
        _deliver(folder, f"s{number}", name, contents[f"s{number}", name])
    outcome = Outcome(folder)
    for (system, name), content in contents.items():
        if name.endswith(".gz"):
            if f"{system}/orders/{name}" in outcome.rejected:
                continue
            content = gzip.decompress(content)
        assert not _faults(outcome, system, name, content), content


FILES = st.tuples(st.sampled_from(sorted(WHOLE)), st.lists(DAMAGE, min_size=1, max_size=4))
QUIET = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "phases": [Phase.generate],
}


@settings(max_examples=2, derandomize=True, **QUIET)
@given(damages=st.lists(FILES, min_size=12, max_size=12))
def test_damage_at_random_loses_and_changes_no_row_in_silence(tmp_path_factory, damages):
    check_random_damage(tmp_path_factory.mktemp("damage"), damages)


@pytest.mark.sweep
@settings(max_examples=60, **QUIET)
@given(damages=st.lists(FILES, min_size=20, max_size=20))
def test_much_damage_at_random_loses_and_changes_no_row_in_silence(tmp_path_factory, damages):
    check_random_damage(tmp_path_factory.mktemp("damage"), damages)
