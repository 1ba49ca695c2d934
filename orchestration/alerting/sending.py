"""Sending alerts, by webhook and by mail. What cannot be sent is told, and harms no night."""

import json
import smtplib
import ssl
import urllib.request
from collections.abc import Callable, Iterable
from email.message import EmailMessage

from orchestration import progress
from orchestration.alerting.config import Alerts, Mail
from orchestration.alerting.words import Alert
from orchestration.company import Company
from orchestration.live.secrets import Secrets
from orchestration.settings import secret

SECONDS = 10  # that a server may take to answer


def send(company: Company, alerts: Iterable[Alert]) -> list[str]:
    """Tell by every way of company.yml what it wants to hear; in words, what could not be sent."""
    wanted = company.alerts
    secrets = Secrets({name: secret(name) or "" for name in wanted.secrets})
    failed = []
    for alert in alerts:
        if alert.kind not in wanted.about:
            continue
        for way, tell in _ways(wanted, secrets):
            try:
                tell(alert)
            except Exception as error:  # whatever a server or its library comes up with
                why = secrets.hide(f"{type(error).__name__}: {error}")
                failed.append(f"an alert could not be sent by {way}: {why}")
    for what in failed:
        progress.warn(what)
    return failed


def _ways(wanted: Alerts, secrets: Secrets) -> Iterable[tuple[str, Callable[[Alert], None]]]:
    if wanted.webhook:
        url = secrets.fill(wanted.webhook)
        yield "webhook", lambda alert: _post(url, alert)
    if mail := wanted.mail:
        password = secrets.fill(mail.password) if mail.password else None
        yield "mail", lambda alert: _mail(mail, password, alert)


def _post(url: str, alert: Alert) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("not the address of a webhook")
    body = json.dumps({"text": alert.text}, ensure_ascii=False).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json; charset=utf-8"})
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        answer.read()


def _mail(mail: Mail, password: str | None, alert: Alert) -> None:
    message = EmailMessage()
    message["Subject"] = alert.title
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message.set_content(alert.text)
    context = ssl.create_default_context()
    opened = (
        smtplib.SMTP_SSL(mail.host, mail.port, timeout=SECONDS, context=context)
        if mail.security == "tls"
        else smtplib.SMTP(mail.host, mail.port, timeout=SECONDS)
    )
    with opened as server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, password or "")
        server.send_message(message)
