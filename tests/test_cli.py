"""The command line: what each command says, and with what code it ends."""

import json
import resource
import shutil
import sqlite3
import subprocess
import sys

import pytest
from conftest import AS_OF, hashes

from orchestration import dbt, running
from orchestration.company import Settings, load_company
from orchestration.ledger import Ledger


def test_a_new_company_folder_is_whole_and_explains_every_setting(tmp_path, kizuna):
    folder = tmp_path / "new"
    assert kizuna("init", folder).exit_code == 0
    assert load_company(folder).settings == Settings(name="new")
    text = (folder / "company.yml").read_text()
    for key, field in Settings.model_fields.items():
        assert f"{key}:" in text and field.description.split()[0] in text
    uncommented = text.replace("# ", "").splitlines()
    assert "max_shrink_share: 0.2" in uncommented
    assert kizuna("doctor", "--company", folder).exit_code == 0


def test_a_company_that_is_there_is_not_made_again(tmp_path, kizuna):
    kizuna("init", tmp_path)
    before = hashes(tmp_path)
    result = kizuna("init", tmp_path)
    assert result.exit_code == 2 and "is there already" in result.output
    assert hashes(tmp_path) == before


def test_a_readme_that_somebody_wrote_is_kept(tmp_path, kizuna):
    (tmp_path / "README.md").write_text("Ours.\n")
    result = kizuna("init", tmp_path)
    assert result.exit_code == 2 and "README.md is there already" in result.output
    assert [path.read_text() for path in tmp_path.iterdir()] == ["Ours.\n"]


@pytest.mark.parametrize(
    "command",
    ["doctor", "versions", "kpi nps", "catch-up", "rollback", "verify", "serve"],
)
def test_a_damaged_version_is_named_by_every_command_that_meets_it(tmp_path, kizuna, command):
    kizuna("init", tmp_path)
    with (tmp_path / "company.yml").open("a") as file:
        file.write("serving:\n  postgres: {url: 'postgresql://kizuna@127.0.0.1:1/marts'}\n")
    broken = tmp_path / "data" / "versions" / "2026-06-30-001"
    broken.mkdir(parents=True)
    (broken / "manifest.json").write_text('{"run": ')
    (tmp_path / "data" / "current").symlink_to(broken)
    result = kizuna(*command.split(), "--company", tmp_path)
    assert result.exit_code == 1
    assert f"{broken / 'manifest.json'}: " in result.output
    assert f"put it back from a backup, or remove {broken}" in result.output


@pytest.mark.parametrize(
    "command",
    [
        *("erase --customer 1", "export --customer 1", "rotate --token-key"),
        *("quarantine list", "quarantine show", "quarantine replay"),
    ],
)
def test_a_newer_ledger_is_named_by_every_command_that_opens_it(tmp_path, kizuna, command):
    kizuna("init", tmp_path)
    Ledger(tmp_path / "data" / "ledger.sqlite")
    with sqlite3.connect(tmp_path / "data" / "ledger.sqlite") as db:
        db.execute("pragma user_version = 999")
    result = kizuna(*command.split(), "--company", tmp_path)
    assert result.exit_code == 1 and "written by a newer release" in result.output


def test_what_is_held_of_a_person_is_written_over_no_file(tmp_path, kizuna):
    kizuna("init", tmp_path)
    out = tmp_path / "README.md"
    before = hashes(tmp_path)
    result = kizuna("export", "--customer", "1", "--out", out, "--company", tmp_path)
    assert result.exit_code == 2 and "README.md: is there already" in result.output
    assert hashes(tmp_path) == before


def test_a_project_that_dbt_cannot_read_is_told_in_its_words(tmp_path, kizuna, monkeypatch):
    def fail(*_: object) -> None:
        raise dbt.DbtError("dbt cannot read the project:\nno such macro")

    monkeypatch.setattr(dbt, "parsed_folder", fail)
    monkeypatch.setattr(running, "parsed_folder", fail)
    kizuna("init", tmp_path)
    for command in ("docs", "dev"):
        result = kizuna(command, "--company", tmp_path)
        assert result.exit_code == 1 and "Error: dbt cannot read the project" in result.output
    monkeypatch.setattr(sys, "argv", ["dbt", "--company", str(tmp_path), "--as-of", AS_OF, "build"])
    with pytest.raises(SystemExit) as ended:
        dbt.main()
    assert ended.value.code == 1


def test_dbt_by_hand_says_what_is_wrong_with_the_company(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dbt", "--company", str(tmp_path), "--as-of", AS_OF, "build"])
    with pytest.raises(SystemExit):
        dbt.main()
    assert capsys.readouterr().err.startswith(f"{tmp_path}")


def test_a_typo_fails_in_no_time_and_touches_nothing(tmp_path):
    (tmp_path / "company.yml").write_text("inactivty_days: 90\n")
    before = processor_seconds()
    result = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "night", "--company", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert processor_seconds() - before < 5
    assert result.returncode == 2
    assert "company.yml line 1: unknown key `inactivty_days`" in result.stderr
    assert "did you mean `inactivity_days`?" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["company.yml"]


def processor_seconds() -> float:
    """Of the processes that this one started and saw end: on a busy machine the clock runs on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_wrong_mapping_is_refused_before_anything_is_touched(tmp_path, kizuna):
    kizuna("init", tmp_path)
    (tmp_path / "mappings" / "shop.yml").write_text("fedes: {}\n")
    (tmp_path / "landing" / "shop").mkdir()
    result = kizuna("night", "--company", tmp_path, "--as-of", AS_OF)
    assert result.exit_code == 2 and "shop.yml line 1" in result.output
    assert not (tmp_path / "data").exists()


def test_a_lost_token_key_is_named_before_persons_become_strangers(shop, kizuna):
    shutil.rmtree(shop.data / "keys")
    before = hashes(shop.data / "versions")
    result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert result.exit_code == 2 and "token.key" in result.output
    assert hashes(shop.data / "versions") == before


def test_kpis_are_shown_as_published(night, kizuna):
    result = kizuna("kpi", "net_revenue", "repeat_rate", "--company", night.folder)
    assert result.exit_code == 0
    assert "Net revenue" in result.output and "2026-06-01" in result.output and "%" in result.output


def test_a_kpi_that_is_not_there_has_a_neighbour(night, kizuna):
    result = kizuna("kpi", "repeat_rat", "--company", night.folder)
    assert result.exit_code == 2 and "did you mean `repeat_rate`?" in result.output


def test_kpis_before_the_first_night_say_what_to_do(delivered, kizuna):
    result = kizuna("kpi", "nps", "--company", delivered)
    assert result.exit_code == 1 and "`kizuna night`" in result.output


def test_versions_are_listed_with_the_current_one(night, kizuna):
    result = kizuna("versions", "--company", night.folder)
    assert f"{AS_OF}-001" in result.output and "current" in result.output


def test_nothing_to_roll_back_to_says_so(night, kizuna):
    result = kizuna("rollback", "--company", night.folder)
    assert result.exit_code == 1 and "no version before the current one" in result.output


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda shop: (shop.data / "keys" / "token.key").chmod(0o644), "chmod 600"),
        (lambda shop: shop.published.resolve().write_bytes(b"torn"), "not what its manifest says"),
        (
            lambda shop: (shop.folder / "landing" / "shop" / "ordres").mkdir(),
            "no feed of that name",
        ),
    ],
)
def test_the_doctor_finds_what_is_wrong(shop, kizuna, spoil, found):
    assert kizuna("doctor", "--company", shop.folder).exit_code == 0
    spoil(shop)
    result = kizuna("doctor", "--company", shop.folder)
    assert result.exit_code == 1 and found in result.output


def test_the_sample_is_a_company_of_its_own(tmp_path, kizuna):
    out = tmp_path / "sample"
    args = ("sample", "--out", out, "--customers", 60, "--days", 70, "--seed", 3)
    assert kizuna(*args).exit_code == 0
    assert load_company(out).landing.is_dir()
    assert json.loads((out / "planted.json").read_text())
    result = kizuna(*args)
    assert result.exit_code == 2 and "has files already" in result.output
