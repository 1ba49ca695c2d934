"""What a night says of finished figures that are no longer what the last published night said."""

from tests.conftest import AS_OF, Shop

ORDERS = "order_id,ordered_at,status,currency,subtotal\n"


def restated(shop: Shop, kpi: str) -> list[tuple]:
    return shop.query(
        f"""
        select period_start::varchar, old_value, new_value, cause, late_row_count
        from marts.kpi_restatements
        where kpi = '{kpi}' and grain = 'month' and segment_dimension = 'overall'
        order by period_start
        """
    )


def deliver(shop: Shop, file: str, rows: str) -> None:
    folder = shop.folder / "landing" / "till" / "orders"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(ORDERS + rows, encoding="utf-8")


def test_a_late_order_and_its_correction_restate_its_month_and_say_so(shop, kizuna):
    assert shop.query("select count(*) from marts.kpi_restatements") == [(0,)]

    deliver(shop, "late.csv", "L1,2026-04-10T12:00:00+09:00,paid,JPY,1000\n")
    night = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert night.exit_code == 0, night.output
    ((month, old, new, cause, rows),) = restated(shop, "net_revenue")
    assert (month, new - old, cause, rows) == ("2026-04-01", 1000, "late rows", 1)
    assert restated(shop, "nps") == []

    deliver(shop, "corrected.csv", "L1,2026-04-10T12:00:00+09:00,paid,JPY,1300\n")
    night = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert night.exit_code == 0, night.output
    ((month, old, new, cause, rows),) = restated(shop, "net_revenue")
    assert (month, new - old, cause, rows) == ("2026-04-01", 300, "corrections", 0)


def test_another_setting_restates_figures_by_their_definition(shop, kizuna):
    config = shop.folder / "company.yml"
    config.write_text(config.read_text() + "\ninactivity_days: 60\n", encoding="utf-8")
    night = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert night.exit_code == 0, night.output
    causes = {cause for _, _, _, cause, _ in restated(shop, "active_customers")}
    assert causes == {"definition"}
    assert restated(shop, "net_revenue") == []
