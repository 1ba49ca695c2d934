"""The unit tests beside the models: hand-worked rows in, hand-worked rows out."""

import json
from datetime import date

from orchestration.company import load_company
from orchestration.dbt import Dbt
from tests.raw_data import RawData


def test_every_model_makes_of_hand_worked_rows_what_is_written_beside_it(tmp_path):
    raw = RawData(tmp_path / "company", {"name": "Hand-worked"})
    raw.write_ledger()
    dbt = Dbt(load_company(raw.company), date(2026, 6, 30), {}, tmp_path / "run")
    done = dbt.run("build", "--quiet", "--exclude-resource-type", "test")
    results = json.loads((dbt.artifacts / "run_results.json").read_text())["results"]
    told = {result["unique_id"]: result["status"] for result in results}
    wrong = {name: status for name, status in told.items() if status not in ("success", "pass")}
    assert not wrong
    assert done.returncode == 0
    assert any(name.startswith("unit_test.") for name in told)
