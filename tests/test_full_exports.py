"""A system that delivers everything every night, and no longer somebody who was there before."""

from datetime import date, datetime

import duckdb

from tests.raw_data import RawData


def test_whom_a_full_export_lacks_remains_a_person(tmp_path):
    """Ann leaves the export: she keeps what was said of her and her e-mails, as if deleted."""
    row = {"created_at": datetime(2026, 1, 5), "updated_at": datetime(2026, 1, 5)}
    ann = {**row, "customer_id": "ann", "email": "ann@x", "membership_tier": "gold"}
    bob = {**row, "customer_id": "bob", "email": "bob@x", "membership_tier": "silver"}
    order = {"order_id": "1", "status": "paid", "currency": "JPY", "email": "ann@x"}
    other = {"customer_id": "ann", "identity_type": "email", "identity_value": "ann@work"}
    raw = RawData(tmp_path / "company", {"name": "Full exports"})
    raw.deliver("customers", "crm", [ann, bob], datetime(2026, 4, 1), is_full=True)
    raw.deliver("customers", "crm", [bob], datetime(2026, 5, 1), is_full=True)
    raw.deliver("identities", "crm", [other], datetime(2026, 4, 1), is_full=True)
    raw.deliver("identities", "crm", [], datetime(2026, 5, 1), is_full=True)
    orders = [order, {**order, "order_id": "2", "email": "ann@work"}]
    raw.deliver("orders", "shop", [{**one, "ordered_at": datetime(2026, 2, 3)} for one in orders])
    models = "+int_person_attributes +int_email_owners"
    with duckdb.connect(raw.build(date(2026, 6, 30), models), read_only=True) as warehouse:
        orders = warehouse.sql("select person_key from intermediate.int_orders").fetchall()
        persons = warehouse.sql(
            "select person_key, is_known, created_date from intermediate.int_persons order by 1"
        ).fetchall()
        tiers = warehouse.sql(
            "select distinct person_key, membership_tier"
            " from intermediate.int_person_attributes order by 1"
        ).fetchall()
    assert orders == [("crm:ann",)] * 2
    assert persons == [(f"crm:{name}", True, date(2026, 1, 5)) for name in ("ann", "bob")]
    assert tiers == [("crm:ann", "gold"), ("crm:bob", "silver")]
