"""Retention: what is personal of rows that are too old goes, and nothing else."""

import json
from datetime import date

import pytest
from remains import places_of
from test_erasure_files import CUSTOMERS, HANA, HEADER, ORDER, TARO, erasures, land, put, rows

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.dbt import LEFT
from orchestration.ledger import Ledger
from orchestration.privacy import exporting
from orchestration.privacy.journal import Journal
from orchestration.privacy.retention import keep_no_longer
from orchestration.starting import start_company

DAY = date(2026, 6, 1)
TICKETS = "ticket_id,customer_id,opened_at,requester_email,body,agent\n"
OLD = "T-1,C-7700077,2026-04-01 23:59:59,old@example.jp,昔の話,名無し\n"
YOUNG = "T-2,C-7700077,2026-04-02 00:00:00,young@example.jp,今の話,名無し二\n"


def company_with(tmp_path, settings: str):
    start_company(tmp_path / "shop")
    (tmp_path / "shop" / "company.yml").write_text(settings)
    return load_company(tmp_path / "shop")


def test_of_old_rows_what_is_personal_goes_and_the_row_stays(tmp_path):
    company = company_with(tmp_path, "retention_days: {support_tickets: 61, answers: 30}\n")
    put(company, "crm/support_tickets/t.csv", TICKETS + OLD + YOUNG)
    put(company, "survey/responses/r.csv", "response_id,survey_id,responded_at\n"
        "R-1,S,2026-05-02 10:00\nR-2,S,2026-05-30 10:00\n")  # fmt: skip
    put(company, "survey/answers/a.csv", "response_id,question_code,numeric_value,text_value\n"
        "R-1,comment,,よかった\nR-1,nps,9,\nR-2,comment,,まあまあ\n")  # fmt: skip
    land(company)
    (company.work / LEFT).mkdir(parents=True)
    assert keep_no_longer(company, DAY) == {"answers": 1, "support_tickets": 1}
    assert not (company.work / LEFT).exists()
    assert places_of(company, ["old@example.jp", "昔の話", "よかった"]) == {}
    kept = ["young@example.jp", "今の話", "まあまあ", "C-7700077"]
    assert places_of(company, kept).keys() == set(kept)
    assert rows(company, "support_tickets", "ticket_id, customer_id, body is null") == [
        ("T-1", "C-7700077", True), ("T-2", "C-7700077", False),
    ]  # fmt: skip
    audit = Journal(Ledger(company.ledger)).retentions()
    assert [(row["feed"], row["older_than"]) for row in audit] == [
        ("answers", "2026-05-03"), ("support_tickets", "2026-04-02"),
    ]  # fmt: skip
    assert keep_no_longer(company, DAY) == {}
    told = {"kind": "retention", "request_id": None, "asked_by": None, "feed": "answers"}
    told |= {"kept_from_date": date(2026, 5, 3), "as_of_date": DAY}
    exported = erasures(company)
    assert len(exported) == 4  # a row per night and feed, of the second night too
    first, _, third, _ = exported
    assert first.items() >= {**told, "number": 1, "landing": 1, "raw": 1}.items()
    assert third.items() >= {**told, "number": 3, "landing": None, "quarantine": 0}.items()
    loads = len(Ledger(company.ledger).loads())
    land(company, 2)
    assert len(Ledger(company.ledger).loads()) == loads


def test_what_was_cut_short_is_brought_to_an_end_by_the_next_night(tmp_path, monkeypatch):
    """The disk was full when raw was done; the audit says what went before and after."""
    company = company_with(tmp_path, "retention_days: {orders: 61}\n")
    orders = [
        f"O-{i},,{who}@example.jp,{day} 10:00,paid,JPY,1100\n"
        for i, (who, day) in enumerate((("old", "2026-01-01"), ("young", "2026-05-20")))
    ]
    put(company, "shop/orders/o.csv", HEADER + "".join(orders))
    land(company)
    (company.work / LEFT).mkdir(parents=True)
    with monkeypatch.context() as patched:
        patched.setattr("orchestration.privacy.raw.forget_values", full_disk)
        with pytest.raises(OSError, match="No space left"):
            keep_no_longer(company, DAY)
    assert not (company.work / LEFT).exists()
    journal = Journal(Ledger(company.ledger))
    assert journal.retentions() == []
    assert keep_no_longer(company, DAY) == {"orders": 1}
    assert places_of(company, ["old@example.jp"]) == {}
    assert places_of(company, ["young@example.jp"])
    (row,) = journal.retentions()
    assert json.loads(row["counts"])["raw"] == 1
    assert keep_no_longer(company, DAY) == {}


def full_disk(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_feed_in_which_nothing_is_personal_or_dated_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="unknown feed with personal columns `customers`"):
        company_with(tmp_path, "retention_days: {customers: 30}\n")


def test_a_person_is_told_everything_in_plain_and_of_nobody_else(tmp_path):
    company = company_with(tmp_path, "name: Shop\n")
    put(company, "crm/customers/a.csv", CUSTOMERS + HANA + TARO)
    put(company, "crm/support_tickets/t.csv", TICKETS + OLD + YOUNG.replace("C-7700077", "C-78"))
    put(company, "shop/orders/o.csv", HEADER + ORDER + ORDER.replace("O-1", "O-2"))
    land(company)
    (company.landing / "shop" / "orders" / "o.csv").unlink()
    text = exporting.as_json(company, DAY, "C-7700077", None)
    for held in ("hana@example.jp", "090-1111-2222", "花村", "昔の話", "likes, tea", "O-2"):
        assert held in text
    assert "taro" not in text
    assert "今の話" not in text
    told = json.loads(text)
    assert told["customer_ids"] == ["crm:C-7700077"]
    assert {feed: len(found) for feed, found in told["feeds"].items()} == {
        "customers": 1, "support_tickets": 1, "orders": 2,
    }  # fmt: skip
    exporting.write_for_one(tmp_path / "held.json", text)
    assert (tmp_path / "held.json").stat().st_mode & 0o077 == 0
