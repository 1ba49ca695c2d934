"""Operations: what docs/operations.md and deploy/ say is what the code has and does."""

import ast
import configparser
import json
import re
import shutil
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from conftest import Kizuna
from faults.small_night import Shop

from orchestration import settings
from orchestration.alerting.config import KINDS
from orchestration.alerting.words import not_begun, not_fresh, of_night
from orchestration.cli import main
from orchestration.company import load_company
from orchestration.history import DAGSTER_YAML
from orchestration.ledger import Ledger
from orchestration.night import Night, Run
from orchestration.privacy.files import CannotRewrite
from orchestration.privacy.traces import scrub
from orchestration.publishing import Version
from orchestration.settings import ROOT

DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
LOOPBACK = "127.0.0.1"
copies = pytest.mark.skipif(not shutil.which("rsync"), reason="backup.sh wants rsync")


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def environment() -> dict[str, str]:
    lines = (DEPLOY / "kizuna.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def strings(path: Path) -> set[str]:
    """The texts in a module, those in between the values of f-strings too."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def read_variables() -> set[str]:
    """The environment variables that settings.py and dbt's profiles read, or others for them."""
    profiles = (settings.DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8")
    of_others = {"POSTGRES_PASSWORD", "PYTHONPYCACHEPREFIX"}
    read = strings(ROOT / "orchestration" / "settings.py") | of_others
    return read | set(re.findall(r"env_var\('(\w+)'", profiles)) | set(told_nobody())


def told_nobody() -> dict[str, str]:
    """The variables by which a process reports to nobody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings.os, "environ", {})
        settings.serve(Path("/var/lib/kizuna/company"))
        return dict(settings.os.environ)


def table(title: str) -> list[list[str]]:
    """The rows of the table below a heading of the page, by cells."""
    (part,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


# ---- what is installed


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_names_only_what_systemd_and_the_project_have(path: Path):
    read = unit(path)
    assert set(read) - {"DEFAULT"} <= {"Unit", "Service", "Timer", "Install"}
    if path.suffix == ".timer":
        assert path.with_suffix(".service") in UNITS
        return
    for program in re.findall(r"/opt/kizuna/(\S+)", read["Service"]["ExecStart"]):
        assert (ROOT / program).is_file() or shutil.which(Path(program).name), program


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    programs = Path(sys.executable).parent
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace("/opt/kizuna/.venv/bin", str(programs))
        (tmp_path / path.name).write_text(text.replace("/opt/kizuna", str(ROOT)))
    command = ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_docker_reads_the_compose_file(tmp_path: Path):
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("needs docker compose")
    given = tmp_path / "kizuna.env"
    text = (DEPLOY / "kizuna.env").read_text(encoding="utf-8")
    given.write_text(text.replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=s3cret"))
    text = (DEPLOY / "compose.yml").read_text(encoding="utf-8")
    (tmp_path / "compose.yml").write_text(text.replace("/etc/kizuna/kizuna.env", str(given)))
    compose = [docker, "compose", "--env-file", given, "-f", tmp_path / "compose.yml"]
    result = subprocess.run([*compose, "config"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    services = yaml.safe_load(result.stdout)["services"]
    assert services.keys() == COMPOSE["services"].keys()
    assert services["daemon"]["environment"]["DAGSTER_HOME"] == environment()["DAGSTER_HOME"]


def test_what_runs_all_the_time_is_pages_and_daemon_of_one_environment():
    commands = {
        path.stem.removeprefix("kizuna-"): unit(path)["Service"]["ExecStart"].rpartition("bin/")[2]
        for path in UNITS
        if path.suffix == ".service" and "EnvironmentFile" in unit(path)["Service"]
    }
    services = COMPOSE["services"]
    assert commands == {name: services[name]["command"] for name in ("webserver", "daemon")}
    files = {unit(DEPLOY / f"kizuna-{n}.service")["Service"]["EnvironmentFile"] for n in commands}
    assert files == {services[name]["env_file"] for name in commands}


def test_every_server_listens_on_this_machine_alone():
    texts = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir()}
    addresses = {
        (name, found)
        for name, text in texts.items()
        for found in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b|\[?::\]?(?=[ :]\d)", text)
    }
    assert {found for _, found in addresses} == {LOOPBACK}
    for name, service in COMPOSE["services"].items():
        # on the network of the machine; else 127.0.0.1 would be the container's own
        assert service["network_mode"] == "host" and "ports" not in service, name
    assert f"listen_addresses={LOOPBACK}" in COMPOSE["services"]["postgres"]["command"]
    assert f"-h {LOOPBACK} " in COMPOSE["services"]["webserver"]["command"]
    pages = unit(DEPLOY / "kizuna-webserver.service")["Service"]
    assert (pages["IPAddressAllow"], pages["IPAddressDeny"]) == ("localhost", "any")


def test_variables_are_those_that_are_read_and_secrets_stand_nowhere():
    read = read_variables()
    given = environment()
    assert set(given) <= read
    texts = "".join(path.read_text(encoding="utf-8") for path in DEPLOY.iterdir()) + PAGE
    assert set(re.findall(r"\bKIZUNA_[A-Z_]+\b", texts)) <= read
    assert set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yml").read_text())) <= set(given)
    secrets = {name for name in given if name.endswith(("_KEY", "PASSWORD"))}
    assert len(secrets) == 3 and {given[name] for name in secrets} == {""}


def test_the_services_tell_nobody():
    assert told_nobody().items() <= environment().items()


def test_under_compose_dagster_is_as_ever_but_for_where_its_records_are():
    given = yaml.safe_load((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
    server, database = COMPOSE["services"]["postgres"], given.pop("storage")["postgres"]
    assert given == yaml.safe_load(DAGSTER_YAML)
    assert database["postgres_db"] == {
        "scheme": "postgresql+psycopg2",
        "hostname": LOOPBACK,
        "port": int(server["environment"]["PGPORT"]),
        "username": server["environment"]["POSTGRES_USER"],
        "db_name": server["environment"]["POSTGRES_DB"],
        "password": {"env": "POSTGRES_PASSWORD"},
    }


def test_dagster_keeps_its_records_in_a_real_postgresql_and_an_erasure_finds_them_there(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("dagster_postgres")
    import dagster as dg
    from live_sources import Wire
    from postgres_server import server

    (tmp_path / "company.yml").write_text("name: Tea\n")
    company = load_company(tmp_path)
    home = company.data / "dagster"
    home.mkdir(parents=True)
    with server(tmp_path / "server", "dagster", "s3cret") as (admin, socket):
        admin.execute("create database dagster owner dagster")
        wire = Wire(socket)
        text = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
        (home / "dagster.yaml").write_text(text.replace("5433", str(wire.port)))
        monkeypatch.setenv("POSTGRES_PASSWORD", "s3cret")

        @dg.op
        def tell() -> None:
            raise dg.Failure("C-77, 花村, stands in line 3; 太田 in line 4")

        @dg.job
        def small() -> None:
            tell()

        with dg.DagsterInstance.from_config(str(home)) as instance:
            run = small.execute_in_process(instance=instance, raise_on_error=False).run_id
        assert not list(home.rglob("*.db"))

        def told() -> str:
            with dg.DagsterInstance.from_config(str(home)) as instance:
                assert instance.get_run_by_id(run).is_failure
                return str(instance.all_logs(run))

        wanted = re.compile("C-77|花村|" + re.escape(json.dumps("花村")[1:-1]))
        assert "C-77, 花村" in told()
        counts = scrub(company, wanted, dry=True)
        assert counts["event_logs"] >= 2 and "C-77, 花村" in told()
        assert scrub(company, wanted) == counts
        assert "(erased), (erased), stands in line 3; 太田 in line 4" in told()
        assert "C-77" not in told() and scrub(company, wanted) == {}
        admin.execute("checkpoint")
        tables = b"".join(
            path.read_bytes() for path in (tmp_path / "server" / "base").glob("*/[0-9]*")
        )
        assert b"C-77" not in tables
        wire.close()
    with pytest.raises(CannotRewrite, match="its PostgreSQL: "):
        scrub(company, wanted)


def test_a_night_whose_records_cannot_be_kept_says_so(
    tmp_path, monkeypatch: pytest.MonkeyPatch, kizuna: Kizuna
):
    pytest.importorskip("dagster_postgres")
    (tmp_path / "company.yml").write_text("name: Tea\n")
    home = tmp_path / "data" / "dagster"
    home.mkdir(parents=True)
    text = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
    (home / "dagster.yaml").write_text(text.replace("5433", "9"))  # where nobody listens
    monkeypatch.setenv("POSTGRES_PASSWORD", "s3cret")
    result = kizuna("night", "--company", tmp_path, "--as-of", "2026-01-11")
    assert result.exit_code == 1
    assert f"- {home}: " in result.output and "Connection refused" in result.output
    assert "s3cret" not in result.output


# ---- what is copied and put back


def backed_up(shop: Shop, copy: Path) -> None:
    subprocess.run([DEPLOY / "backup.sh", shop.folder, copy], check=True, timeout=60)


@copies
def test_a_company_that_was_lost_is_put_back_and_goes_on(
    injured: Shop, twin: dict[str, str], tmp_path: Path, kizuna: Kizuna
):
    copy = tmp_path / "copies" / "4"
    (injured.data / "keys").mkdir(exist_ok=True)
    (injured.data / "keys" / "token.key").write_text("never in a copy")
    backed_up(injured, copy)
    assert not {"keys", "work", "dagster", "lock"} & {
        path.name for path in (copy / "data").iterdir()
    }
    assert kizuna("verify", "--company", copy).exit_code == 0
    backed_up(injured, copy)
    assert not (copy / "data" / "lock").exists()

    injured.folder.rename(f"{injured.folder}.broken")
    (restored,) = re.findall(r"^rsync .* COPY/ DIR/$", PAGE, re.M)
    words = restored.replace("COPY", str(copy)).replace("DIR", str(injured.folder)).split()
    subprocess.run(words, check=True, timeout=60)
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 0 and "all are as they were written" in result.output, result.output
    assert injured.current() == "2026-01-10-001"
    night = injured.night(11)
    assert night.code == 0, night.said
    assert injured.result() == twin


@copies
def test_parts_of_two_moments_are_told(injured: Shop, tmp_path: Path, kizuna: Kizuna):
    backed_up(injured, tmp_path / "copy")
    assert injured.night(11).code == 0
    shutil.copyfile(tmp_path / "copy" / "data" / "ledger.sqlite", injured.data / "ledger.sqlite")
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 1 and "is in no ledger" in result.output


@copies
def test_no_copy_is_made_while_somebody_writes_and_nobody_writes_meanwhile(
    injured: Shop, tmp_path: Path, kizuna: Kizuna
):
    from orchestration.lock import only_writer

    with only_writer(injured.data / "lock") as name:
        name("2026-01-11-001")
        waiting = subprocess.Popen([DEPLOY / "backup.sh", injured.folder, tmp_path / "copy"])
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        assert not (tmp_path / "copy").exists()
    assert waiting.wait(60) == 0
    assert (tmp_path / "copy" / "company.yml").is_file()

    slow = tmp_path / "bin" / "rsync"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\necho begun\nread until\n")
    slow.chmod(0o755)
    copying = subprocess.Popen(
        [DEPLOY / "backup.sh", injured.folder, tmp_path / "other"],
        env=settings.environment(PATH=f"{slow.parent}:/usr/bin:/bin"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert copying.stdout.readline() == b"begun\n"
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 3 and "(run backup)" in result.output
    copying.communicate(b"\n", timeout=60)
    assert kizuna("verify", "--company", injured.folder).exit_code == 0


# ---- what the page says


def test_the_page_names_commands_and_files_that_exist():
    commands = set(re.findall(r"(?<![\w/.-])kizuna ([a-z][a-z-]+)", PAGE.replace("`kizuna`", "")))
    assert len(commands) > 8
    assert commands <= set(main.commands)
    flags = {flag for c in main.commands.values() for p in c.params for flag in p.opts}
    groups = [c for c in main.commands.values() if hasattr(c, "commands")]
    flags |= {f for g in groups for c in g.commands.values() for p in c.params for f in p.opts}
    for line in re.findall(r"(?:`|^)kizuna ([^`\n]+)", PAGE, re.M):
        assert set(re.findall(r"--[a-z-]+", line)) <= flags, line
    listed = {name for row in table("Install: systemd") for name in re.findall(r"`(.+?)`", row[0])}
    hidden = {"Dockerfile.dockerignore"}
    assert listed == {path.name for path in DEPLOY.iterdir()} - hidden
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def test_every_alert_that_is_sent_is_on_the_page_and_no_other(tmp_path: Path):
    (tmp_path / "company.yml").write_text("name: Tea\n")
    company = load_company(tmp_path)
    run = Run("2026-01-11-001", date(2026, 1, 11), "running", datetime(2026, 1, 12), "0")

    def night(**more) -> Night:
        return Night(company, Ledger(company.ledger), run, 1, **more)

    held, went_on = night(), night(version=Version(tmp_path, {}, True), found_dead=("2026-01-10",))
    held.check("orders", "x", "dbt", False, "1", expected="0")
    for kind in KINDS:
        went_on.check("orders", "x", kind, False, "1", expected="0", severity="warn")
    sent = [
        *of_night(night(), ["why"]),
        *of_night(held, ["why"]),
        *of_night(went_on, []),
        not_begun(company, run.as_of_date, ValueError("why")),
        not_fresh(company, datetime(2026, 1, 12, 12, tzinfo=company.zone)),
    ]
    assert {alert.kind for alert in sent} == set(KINDS)
    rows = [
        (kind.strip("`"), says.strip("`")) for kind, says, _ in table("What to do for each alert")
    ]
    told = [[row for row in rows if row[1] in alert.title] for alert in sent]
    assert all(len(found) == 1 for found in told), told
    assert [found[0][0] for found in told] == [alert.kind for alert in sent]
    assert {row for found in told for row in found} == set(rows)


def test_what_is_seen_at_two_in_the_morning_is_what_the_code_says():
    said = set().union(*map(strings, (ROOT / "orchestration").rglob("*.py")))
    of_others = {"No space left on device", "Connection refused", "DIR/data/dagster", "STARTED"}
    seen = [one for row in table("02:00") for one in re.findall(r"`(.+?)`", row[0])]
    assert len(seen) > 20
    assert [one for one in seen if one not in of_others and not any(one in s for s in said)] == []
