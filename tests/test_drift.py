"""Schema drift: what is new, missing, renamed, retyped or empty since the delivery before."""

from datetime import date
from pathlib import Path

import pytest

from orchestration.company import load_company
from orchestration.landing import Landing, LandingError
from orchestration.ledger import Ledger
from orchestration.night import Night, Run

HEADER = ["order_id", "customer_id", "ordered_at", "status", "currency", "total"]


class Shop:
    """A company folder, each night of which may hold one more file of orders."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.settings("100 %")
        self.day = 0

    def settings(self, ceiling: str) -> None:
        (self.folder / "company.yml").write_text(f"max_quarantined_share: '{ceiling}'\n")

    def deliver(self, header: list[str], name: str | None = None, **changed: str) -> None:
        self.day += 1
        row = {
            "order_id": "{}", "customer_id": "c{}", "ordered_at": "2026-01-05", "status": "paid",
            "currency": "JPY", "total": "{}",
        } | changed  # fmt: skip
        rows = [
            ",".join(row.get(c.lower(), "x") for c in header).replace("{}", str(i))
            for i in range(20)
        ]
        path = self.folder / "landing/shop/orders" / (name or f"{self.day}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([",".join(header), *rows, ""]) + "\n" * self.day)

    def night(self) -> list[str]:
        """What drifted, as told with the feed."""
        return [str(one) for one in self.told() if one.drifts]

    def told(self) -> list:
        self.landing = Landing(load_company(self.folder), date(2026, 2, self.day), f"r{self.day}")
        for feed in self.landing.feeds:
            self.landing.load(feed)
        self.landing.close()
        return self.landing.compared["orders"]


@pytest.fixture
def shop(tmp_path) -> Shop:
    shop = Shop(tmp_path)
    shop.deliver(HEADER)
    assert shop.told() == []
    return shop


def test_the_same_columns_in_any_order_and_case_are_no_drift(shop):
    shop.deliver([name.upper() for name in reversed(HEADER)])
    (one,) = shop.told()
    assert one.drifts == () and one.before.file == "shop/orders/1.csv"


def test_a_new_column_is_kept_in_raw_or_taken_in(shop):
    shop.deliver([*HEADER, "mood", "channel"])
    assert shop.night() == [
        "new mood (kept in raw, and in no figure); new channel (taken in from now on)"
    ]
    shop.deliver([*HEADER, "mood", "channel"])
    assert shop.night() == []


def test_a_missing_column_is_null_with_what_it_had_before(shop):
    shop.deliver(HEADER[:-1])
    assert shop.night() == ["missing total (null from now on; 100% of the rows had it)"]


def test_a_missing_column_that_is_needed_rejects_the_file(shop):
    shop.deliver([name for name in HEADER if name != "currency"])
    assert shop.night() == ["missing currency (the file is rejected)"]
    shop.deliver(HEADER)  # what was refused is not what the next is compared with
    assert shop.night() == []


@pytest.mark.parametrize("name", ["Totals", "sum_of_it"])
def test_a_renamed_column_is_told_by_its_name_or_its_place(shop, name):
    shop.deliver([*HEADER[:-1], name])
    seen = name.lower()
    assert shop.night() == [
        f"renamed total → {seen}, it seems (null from now on; 100% of the rows had it)"
    ]


def test_a_column_whose_values_stop_parsing_is_retyped(shop):
    shop.deliver(HEADER, total="about {} yen")
    assert shop.night() == ["retyped total (20 of 20 rows set aside: not a number)"]


def test_a_column_that_is_suddenly_empty_is_told(shop):
    shop.deliver(HEADER, total="")
    assert shop.night() == ["emptied total (null from now on; 100% of the rows had it)"]
    shop.deliver(HEADER, total="")
    assert shop.night() == []


def test_two_kinds_of_files_are_each_compared_with_their_own(shop):
    shop.deliver([*HEADER, "channel"])
    shop.deliver(HEADER)
    assert shop.night() == ["new channel (taken in from now on)"]
    shop.deliver([*HEADER, "channel"])
    shop.deliver(HEADER)
    assert shop.night() == []


def test_the_columns_of_an_export_are_compared_and_not_those_that_its_mapping_makes(shop):
    (shop.folder / "mappings").mkdir()
    columns = ", ".join(f"{name}: {name}" for name in HEADER)
    text = f"files: {{o: {{match: '*'}}}}\nfeeds: {{orders: {{from: o, columns: {{{columns}}}}}}}\n"
    (shop.folder / "mappings" / "shop.yml").write_text(text)
    shop.deliver([*HEADER, "Memo"])
    shop.night()
    shop.deliver([*HEADER, "Note to us", "More"])
    assert shop.night() == [
        "missing Memo (its mapping does without it);"
        " new Note to us (not read, unless its mapping names it);"
        " new More (not read, unless its mapping names it)"
    ]
    shop.deliver([name for name in [*HEADER, "Note to us", "More"] if name != "total"])
    assert shop.night() == ["missing total (the file is rejected)"]


def test_the_night_remembers_it_as_a_check_even_where_it_stops(shop):
    shop.settings("1 %")
    shop.deliver(HEADER, total="about {} yen")
    company = load_company(shop.folder)
    run = Run("r", date(2026, 2, 2), "running", None, "")
    night = Night(company, Ledger(company.ledger), run, 2)
    with pytest.raises(LandingError):
        night.load(next(feed for feed in night.landing.feeds if feed.name == "orders"))
    (check,) = (check for check in night.checks if check.kind == "drift")
    assert not check.passed and check.severity == "warn" and check.asset == "raw/orders/orders"
    assert "2.csv: retyped total" in check.observed and "1.csv" in check.expected
