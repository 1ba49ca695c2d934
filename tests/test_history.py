"""Dagster's history of runs: fast while a run lasts, and let go of after it."""

import dagster as dg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from orchestration.company import Company, Settings
from orchestration.hastening import hasten
from orchestration.history import dagster_folder


def test_a_runs_events_are_written_through_connections_that_stay_open(tmp_path):
    hasten()
    opened: list[object] = []

    def count(connection: object, _: object) -> None:
        opened.append(connection)

    folder = dagster_folder(Company(tmp_path, Settings(), {}))
    event.listen(Engine, "connect", count)
    try:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            run = instance.create_run_for_job(job)
            instance.report_run_failed(run, "first")
            before = len(opened)
            for number in range(20):
                instance.report_engine_event(f"event {number}", run)
            assert len(opened) == before
            said = [entry.message for entry in instance.all_logs(run.run_id)]
    finally:
        event.remove(Engine, "connect", count)
    assert [f"event {number}" for number in range(20)] == said[-20:]
    files = [path.name for path in folder.rglob("*.db*")]
    assert f"{run.run_id}.db" in files and not [name for name in files if name.endswith("-wal")]


@dg.op
def nothing() -> None:
    pass


@dg.job
def job() -> None:
    nothing()
