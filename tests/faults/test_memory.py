"""A memory limit that is reached: what does not fit is named, or goes to the temp folder."""

import re
from datetime import date
from functools import partial

import pytest
from faults.fixtures import Seen
from faults.small_night import HEADER, KEY, Shop, night

from orchestration.company import load_company
from orchestration.dbt import Dbt
from orchestration.ingest import duck
from orchestration.ledger import Ledger

ROWS = 60_000


@pytest.mark.parametrize("limit", ["4MB", "60MB"])
def test_a_file_over_the_memory_limit_is_named_or_lands(
    tmp_path, monkeypatch: pytest.MonkeyPatch, limit: str, seen: Seen
):
    shop = Shop(tmp_path / "shop")
    lines = (f"{n},{'x' * 200},2026-01-05,paid,JPY,{n}\n" for n in range(ROWS))
    shop.deliver("shop/orders/large.csv", HEADER + "".join(lines))
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", KEY)
    monkeypatch.setenv("KIZUNA_VAULT_KEY", KEY)
    monkeypatch.setattr(duck, "connect", partial(duck.connect, memory_limit=limit))
    try:
        night(shop.folder, date(2026, 1, 10))
    except Exception as error:
        assert "shop/orders/large.csv: out of memory" in str(error)
        assert shop.current() is None
        monkeypatch.undo()
        again = shop.night(10)
        assert again.code == 0, again.said
        seen(f"{limit}: {str(error)[:80]}")
    else:
        seen(f"{limit}: landed {ROWS:,} rows")
    assert shop.current() is not None
    (load,) = Ledger(shop.data / "ledger.sqlite").loads()
    assert load.rows_loaded == ROWS


def test_a_model_over_the_memory_limit_is_named(
    injured: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, seen: Seen
):
    company = load_company(injured.folder)
    monkeypatch.setenv("KIZUNA_MEMORY_LIMIT", "2MB")
    dbt = Dbt(company, date(2026, 1, 10), {}, company.work / "by-hand")
    assert dbt.run("run", "--select", "stg_orders__orders").returncode == 1
    said = capfd.readouterr().out
    assert re.search(r"stg_orders__orders.*\n.*Out of Memory", said), said
    seen("Out of Memory Error in model stg_orders__orders")
