"""Alerts, sent to real servers on this machine: what they say, to whom, and what they never do."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult
from conftest import Kizuna
from faults.small_night import KEY, Shop, orders

from orchestration.alerting.config import KINDS
from orchestration.alerting.sending import send
from orchestration.alerting.words import alert, not_fresh, of_night
from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.ledger import Ledger
from orchestration.live.readiness import refuse_unready
from orchestration.night import Night, Run
from orchestration.publishing import Version
from orchestration.settings import serve

RUN = Run("2026-01-11-001", date(2026, 1, 11), "running", datetime(2026, 1, 12), "0")


class Hook(BaseHTTPRequestHandler):
    """A webhook that remembers what it was told, or refuses to hear."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(json.loads(body)["text"])
        self.send_response(self.server.answer)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.heard, server.answer = [], 200
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KIZUNA_HOOK", f"http://127.0.0.1:{server.server_port}/s3cret-path")
    yield server
    server.shutdown()


class Box(Message):
    """Keeps the mail that comes."""

    def __init__(self) -> None:
        super().__init__()
        self.mails = []

    def handle_message(self, message) -> None:
        self.mails.append(message)


def opened(**more: object) -> Controller:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(Box(), hostname="127.0.0.1", port=port, **more)
    server.start()
    return server


@pytest.fixture
def box() -> Iterator[Controller]:
    server = opened()
    yield server
    server.stop()


@pytest.fixture
def private_box(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    """A server that takes mail of those it knows alone, by TLS, with a certificate of its own."""
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    def knows(server, session, envelope, mechanism, said) -> AuthResult:
        known = (said.login, said.password) == (b"kizuna", b"pass word")
        return AuthResult(success=known, handled=False)

    server = opened(
        tls_context=context, require_starttls=True, authenticator=knows, auth_required=True
    )
    yield server
    server.stop()


def company_with(folder: Path, alerts: str):
    (folder / "company.yml").write_text(f"name: Tea shop\nalerts:\n{alerts}\n")
    return load_company(folder)


def night(company, **more) -> Night:
    return Night(company, Ledger(company.ledger), RUN, 1, **more)


def mail_to(box: Controller) -> str:
    return (
        f"  mail: {{host: 127.0.0.1, port: {box.port}, security: none, sender: kizuna@tea.example,"
        " to: [owner@tea.example]}"
    )


WEBHOOK = "  webhook: ${KIZUNA_HOOK}"


def test_a_night_that_stopped_is_told_by_both_ways_with_place_and_remedy(tmp_path, hook, box):
    company = company_with(tmp_path, f"{WEBHOOK}\n{mail_to(box)}")
    why = "shop/orders/a.csv: line 7, byte 201: not UTF-8"
    assert send(company, of_night(night(company), [why])) == []
    (said,) = hook.heard
    (mail,) = box.handler.mails
    assert said.startswith("Tea shop: night 2026-01-11-001 as of 2026-01-11 stopped\n")
    assert f"- {why}" in said and "`kizuna night --company" in said and "--as-of 2026-01-11" in said
    assert mail["To"] == "owner@tea.example"
    assert mail["Subject"] == said.split("\n")[0]
    assert mail.get_payload(decode=True).decode().splitlines() == said.splitlines()


def test_mail_goes_by_tls_and_with_a_password_that_is_told_nowhere(
    tmp_path, private_box, monkeypatch
):
    mail = mail_to(private_box).replace("security: none", "user: kizuna, password: '${MAIL_PW}'")
    company = company_with(tmp_path, mail)
    monkeypatch.setenv("MAIL_PW", "pass word")
    assert send(company, of_night(night(company), ["why"])) == []
    assert len(private_box.handler.mails) == 1
    monkeypatch.setenv("MAIL_PW", "wr0ng")
    (failed,) = send(company, of_night(night(company), ["why"]))
    assert "by mail: SMTPAuthenticationError" in failed and "wr0ng" not in failed
    monkeypatch.delenv("SSL_CERT_FILE")
    (failed,) = send(company, of_night(night(company), ["why"]))
    assert "CERTIFICATE_VERIFY_FAILED" in failed
    assert len(private_box.handler.mails) == 1


def test_a_night_that_its_checks_held_back_names_table_and_check(tmp_path, hook):
    company = company_with(tmp_path, WEBHOOK)
    held = night(company)
    held.check("orders", "net of refunds", "great_expectations", False, "3", expected="0")
    send(company, of_night(held, ["marts/orders: net of refunds: expected 0, observed 3"]))
    (said,) = hook.heard
    assert "was held back by its checks" in said
    assert "- marts/orders: net of refunds: expected 0, observed 3" in said
    assert "expectations/" in said


def test_drift_and_missing_data_are_told_of_a_night_that_went_on(tmp_path, hook):
    company = company_with(tmp_path, WEBHOOK)
    went_on = night(company, version=Version(tmp_path, {}, True))
    for kind, said in (("drift", "a.csv: missing total"), ("freshness", "9 days ago")):
        went_on.check("raw/orders/orders", f"{kind} check", kind, False, said, expected="x")
    went_on.check("raw/orders/orders", "fine", "freshness", True, "0 days ago", expected="x")
    send(company, of_night(went_on, []))
    drift, freshness = hook.heard
    assert "raw/orders/orders: drift check: a.csv: missing total" in drift
    assert "raw/orders/orders: freshness check: 9 days ago" in freshness and "fine" not in freshness


def test_a_night_in_which_all_is_well_tells_nobody(tmp_path, hook):
    company = company_with(tmp_path, WEBHOOK)
    assert of_night(night(company, version=Version(tmp_path, {}, True)), []) == []


def test_only_what_is_wanted_is_told(tmp_path, hook):
    company = company_with(tmp_path, f"{WEBHOOK}\n  about: [freshness]")
    assert send(company, [alert(company, RUN.as_of_date, kind, kind, []) for kind in KINDS]) == []
    assert [text.split("\n")[0] for text in hook.heard] == ["freshness"]


def test_no_row_and_no_address_of_a_person_is_told(tmp_path, hook):
    company = company_with(tmp_path, WEBHOOK)
    problem = "dbt test x: got 1 result\n    customer_id C1, comment 山田花子"
    send(company, of_night(night(company), [problem, "a.csv: `hanako@example.com` is bad"]))
    (said,) = hook.heard
    assert "dbt test x: got 1 result" in said
    assert "C1" not in said and "山田" not in said and "hanako" not in said


@pytest.mark.parametrize("fault", ["refuses", "is gone", "is no address"])
def test_what_cannot_be_sent_is_told_without_the_secret_and_harms_nothing(
    tmp_path, hook, box, monkeypatch, fault
):
    company = company_with(tmp_path, f"{WEBHOOK}\n{mail_to(box)}")
    if fault == "refuses":
        hook.answer = 500
    elif fault == "is gone":
        monkeypatch.setenv("KIZUNA_HOOK", "http://127.0.0.1:9/s3cret-path")
    else:
        monkeypatch.setenv("KIZUNA_HOOK", "file:///etc/passwd?s3cret-path")
    (failed,) = send(company, of_night(night(company), ["why"]))
    assert failed.startswith("an alert could not be sent by webhook: ") and "s3cret" not in failed
    assert len(box.handler.mails) == 1  # the other way is tried all the same


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  webhook: https://hooks.example/T1", "a secret stands in the environment"),
        ("  webhok: ${X}", "unknown key `webhok`; did you mean `webhook`?"),
        ("  mail: {host: m, sender: a@b, to: [c@d], prt: 1}", "did you mean `port`?"),
        ("  mail: {host: m, sender: a@b, to: [c@d], security: none}", "this machine alone"),
        ("  about: [failures]", "`alerts.about`: input should be 'failure'"),
    ],
)
def test_what_is_wrong_in_company_yml_is_named_with_its_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=r"company\.yml line [23]: ") as told:
        company_with(tmp_path, text)
    assert said in str(told.value)


def test_a_secret_that_is_missing_stops_the_night_before_it_touches_anything(tmp_path):
    company = company_with(tmp_path, "  webhook: ${NO_SUCH_HOOK}")
    with pytest.raises(ConfigError, match="line 2: `alerts` needs the variable NO_SUCH_HOOK"):
        refuse_unready(company)


def test_that_the_marts_are_not_fresh_is_told_from_seven_on_in_the_companys_zone(
    tmp_path, monkeypatch
):
    shop = Shop(tmp_path / "shop")
    shop.deliver("shop/orders/a.csv", orders(0, 3))
    assert shop.night(10).code == 0
    company = load_company(shop.folder)

    def at(day: int, hour: int):
        return not_fresh(company, datetime(2026, 1, day, hour, tzinfo=ZoneInfo("Asia/Tokyo")))

    assert at(11, 12) is None and at(12, 6) is None
    late = at(12, 7)
    assert "no fresh marts by 07:00: those as of 2026-01-11 are not there" in late.title
    assert "the last are as of 2026-01-10" in late.text and "`kizuna doctor" in late.text
    new = replace(company, folder=tmp_path / "new")
    monday = datetime(2026, 1, 12, 8, tzinfo=company.zone) + timedelta(0)
    assert "nothing was ever published" in not_fresh(new, monday).text


def test_dagsters_run_tells_why_it_failed_and_who_died_before_it(
    tmp_path, hook, monkeypatch, kizuna: Kizuna
):
    """The resource that every night runs in, around a step that fails."""
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", KEY)
    monkeypatch.setenv("KIZUNA_VAULT_KEY", KEY)
    shop = Shop(tmp_path / "shop")
    assert shop.night(10, crash_at="night opened").was_killed
    company_with(shop.folder, WEBHOOK)
    serve(shop.folder)
    import dagster as dg

    from orchestration.defs.resources import PARTITION
    from orchestration.defs.resources import night as resource

    @dg.op(required_resource_keys={"night"})
    def land(context) -> None:
        raise dg.Failure("orders: 50 of 100 rows are bad", allow_retries=False)

    @dg.job(resource_defs={"night": resource.configured({"wait_seconds": 0.0})})
    def small() -> None:
        land()

    with dg.DagsterInstance.ephemeral() as instance:
        result = small.execute_in_process(
            instance=instance, tags={PARTITION: "2026-01-11"}, raise_on_error=False
        )
    assert not result.success
    died, stopped = hook.heard
    assert "night 2026-01-10-001 was killed before its end" in died
    assert "night 2026-01-11-001 as of 2026-01-11 stopped" in stopped
    assert "- orders: 50 of 100 rows are bad" in stopped


def test_the_daemon_closes_dead_runs_and_tells_once_a_day_that_marts_are_late(
    tmp_path, hook, monkeypatch
):
    company_with(tmp_path, f'{WEBHOOK}\n  fresh_by: "00:00"')
    serve(tmp_path)
    import dagster as dg

    from orchestration.defs.resources import PROCESS, named
    from orchestration.defs.watch import dead_runs, no_fresh_marts

    @dg.job
    def small() -> None:
        pass

    with dg.DagsterInstance.ephemeral() as instance:
        started = dg.DagsterRunStatus.STARTED
        dead, reused, alive = (
            instance.create_run_for_job(small, status=started, tags={PROCESS: process})
            for process in (str(2**22 + 1), f"{os.getpid()} since 1", named(os.getpid()))
        )
        said = dead_runs(dg.build_sensor_context(instance=instance)).skip_message
        assert said == "closed 2 dead runs"
        for run in (dead, reused):
            assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(alive.run_id).status == started
        cursor = None
        for _ in range(2):
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            no_fresh_marts(context)
            cursor = context.cursor
    (late,) = hook.heard
    assert "no fresh marts by 00:00" in late and "nothing was ever published" in late
