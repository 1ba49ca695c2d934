"""Who asks an HTTP interface, in each of the ways there are, and where what proves it goes."""

import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, Request, redirect, request
from flask_server import served
from live_sources import Live

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.examination import live_findings

pytest.importorskip("dlt")

SECRET = "s3cr et/+&=%20!"  # signs that an address spells otherwise
BASIC = "cmVhZGVyOnMzY3IgZXQvKyY9JTIwIQ=="  # reader:SECRET, as `base64` has it
PAGES = 3


class Interface:
    """An order on each of three pages, for whom `knows` lets in; a token, for who has SECRET."""

    def __init__(self):
        self.app = Flask("interface")
        self.knows: Callable[[Request], bool] = lambda asked: asked.authorization is None
        self.asked: list[str] = []
        self.forms: list[dict] = []  # of who wanted a token
        self.lives = 99  # answers to each token, before it is refused
        self.used = 0
        self.token_answer: Callable[[], object] | None = None
        self.next: str | None = None
        self.app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        self.app.add_url_rule("/v1/orders", view_func=self.orders)

    def token(self):
        self.forms.append(request.form.to_dict())
        if self.token_answer:
            return self.token_answer()
        known = {"client_id": "kizuna", "client_secret": SECRET, "grant_type": "client_credentials"}
        if request.form.to_dict() != known:
            return {"error": "invalid_client"}, 401
        self.used = 0
        return {"access_token": f"t0ken-{len(self.forms)}", "expires_in": 3600}

    def has_token(self, asked: Request) -> bool:
        self.used += 1
        is_last = asked.headers.get("Authorization") == f"Bearer t0ken-{len(self.forms)}"
        return is_last and self.used <= self.lives

    def orders(self):
        self.asked.append(request.full_path)
        if not self.knows(request):
            return {}, 401
        page = request.args.get("page", 1, int)
        order = {"order_id": str(page), "ordered_at": "2026-06-01", "status": "paid"}
        rows = [order | {"currency": "JPY", "total": "1"}] if page <= PAGES else []
        return {"data": rows} | ({"next": self.next} if self.next else {})


@pytest.fixture
def api() -> Interface:
    return Interface()


@pytest.fixture
def url(api) -> Iterator[str]:
    with served(api.app) as url:
        yield url


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Live:
    monkeypatch.setenv("SHOP_SECRET", SECRET)
    return Live(tmp_path)


def source(url: str, auth: dict, **changed) -> dict:
    return {
        "url": f"{url}/v1",
        "auth": auth,
        "paginator": {"type": "page_number", "base_page": 1},
        "wait_seconds": 0.01,
        "folders": {"orders": {"path": "orders", "data": "data"}},
    } | changed


def oauth(token_url: str) -> dict:
    return {
        "type": "oauth2_client_credentials",
        "access_token_url": f"{token_url}/token",
        "client_id": "kizuna",
        "client_secret": "${SHOP_SECRET}",
    }


def of_this_side(caplog) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name != "werkzeug"]


def assert_told_nowhere(shop: Live, *said: object) -> None:
    for secret in (SECRET, "s3cr", "t0ken-", "wr0ng"):
        assert secret.encode() not in shop.texts()
        assert not [text for text in said if secret in str(text)]


WAYS = {
    "api_key in a header": (
        {"type": "api_key", "name": "X-Api-Key", "api_key": "${SHOP_SECRET}"},
        lambda asked: asked.headers.get("X-Api-Key") == SECRET,
    ),
    "api_key in a header of that name": (
        {"type": "api_key", "api_key": "${SHOP_SECRET}", "location": "header"},
        lambda asked: asked.headers.get("Authorization") == SECRET,
    ),
    "api_key in the query": (
        {"type": "api_key", "name": "key", "api_key": "${SHOP_SECRET}", "location": "query"},
        lambda asked: asked.args.getlist("key") == [SECRET],
    ),
    "http_basic": (
        {"type": "http_basic", "username": "reader", "password": "${SHOP_SECRET}"},
        lambda asked: asked.headers.get("Authorization") == f"Basic {BASIC}",
    ),
    "bearer": (
        {"type": "bearer", "token": "${SHOP_SECRET}"},
        lambda asked: asked.headers.get("Authorization") == f"Bearer {SECRET}",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_asks_is_known_on_every_page_and_refused_with_another_secret(
    shop, api, url, way, monkeypatch, caplog
):
    auth, api.knows = WAYS[way]
    for name in ("NAME", "LOCATION", "API_KEY", "USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(name, "another")  # which is nobody's business here
    shop.configure(shop=source(url, auth))
    with caplog.at_level(logging.INFO):
        seen = shop.fetch("shop/orders")
        assert (seen.problem, seen.rows, len(api.asked)) == (None, PAGES, PAGES + 1)
        monkeypatch.setenv("SHOP_SECRET", SECRET.replace("s3cr", "wr0ng"))
        seen = shop.fetch("shop/orders")
    assert "tried once: it answered 401" in seen.problem and "`auth`" in seen.problem
    assert_told_nowhere(shop, seen, *of_this_side(caplog))


def test_a_secret_that_no_header_can_carry_is_told_without_it(shop, url, monkeypatch):
    monkeypatch.setenv("SHOP_SECRET", f"{SECRET}\\d\n")
    shop.configure(shop=source(url, WAYS["bearer"][0]))
    seen = shop.fetch("shop/orders")
    assert seen.problem
    assert_told_nowhere(shop, seen)


def test_a_token_is_fetched_once_and_used_for_every_page(shop, api, url, caplog):
    api.knows = api.has_token
    shop.configure(shop=source(url, oauth(url)))
    with caplog.at_level(logging.INFO):
        (seen,) = shop.night("shop/orders")
    assert (seen.problem, seen.rows, len(api.forms)) == (None, PAGES, 1)
    assert_told_nowhere(shop, seen, *of_this_side(caplog))


def test_a_token_that_is_refused_between_pages_is_fetched_again(shop, api, url):
    api.knows, api.lives = api.has_token, 2
    shop.configure(shop=source(url, oauth(url)))
    seen = shop.fetch("shop/orders")
    assert (seen.problem, seen.rows, len(api.forms)) == (None, PAGES, 2)


def test_a_token_that_is_always_refused_is_fetched_again_once_and_told(shop, api, url):
    api.knows, api.lives = api.has_token, 0
    shop.configure(shop=source(url, oauth(url)))
    seen = shop.fetch("shop/orders")
    assert "tried once: it answered 401" in seen.problem and "`auth`" in seen.problem
    assert len(api.forms) == 2 and shop.files("shop/orders") == [".fetched.json"]
    assert_told_nowhere(shop, seen)


def test_a_wrong_client_secret_is_told_without_it(shop, api, url, monkeypatch):
    api.knows = api.has_token
    monkeypatch.setenv("SHOP_SECRET", "wr0ng secret")
    shop.configure(shop=source(url, oauth(url)))
    seen = shop.fetch("shop/orders")
    assert f"tried once: no token from {url}/token: it answered 401, invalid_client" in seen.problem
    assert "`client_id` and `client_secret`" in seen.problem
    assert len(api.forms) == 1 and api.asked == []
    (found,) = live_findings(load_company(shop.folder))
    assert found.what.startswith("shop: ") and "invalid_client" in found.what
    assert_told_nowhere(shop, seen, found)


@pytest.mark.parametrize(
    ("answer", "said", "times"),
    [
        (lambda: ({"token": "t0ken-1"}, 200), "its answer holds no `access_token`", 1),
        (lambda: ("<html>t0ken-1</html>", 200), "its answer holds no `access_token`", 1),
        (lambda: ({}, 503), "tried 3 times: it answered 503", 3),
    ],
)
def test_a_token_that_does_not_come_is_told(shop, api, url, answer, said, times):
    api.knows, api.token_answer = api.has_token, answer
    shop.configure(shop=source(url, oauth(url)))
    seen = shop.fetch("shop/orders")
    assert said in seen.problem and f"{url}/token" in seen.problem
    assert len(api.forms) == times and api.asked == []
    assert_told_nowhere(shop, seen)


def test_tokens_may_come_from_another_host_which_nothing_else_is_sent_to(shop, api, url):
    signer = Interface()
    api.knows = lambda asked: asked.headers.get("Authorization") == "Bearer t0ken-1"
    links = {"type": "json_link", "next_url_path": "next"}
    with served(signer.app) as away:
        api.next = f"{away}/v1/orders"
        shop.configure(shop=source(url, oauth(away), paginator=links))
        seen = shop.fetch("shop/orders")
    assert f"leads to another host, {away.removeprefix('http://')}" in seen.problem
    assert len(signer.forms) == 1 and signer.asked == [] and len(api.asked) == 1


def test_a_secret_is_not_sent_in_the_open_for_a_token(shop, url):
    shop.configure(shop=source(url, oauth("http://login.example.com")))
    with pytest.raises(ConfigError, match="secrets go over https:// only"):
        load_company(shop.folder)


def test_a_secret_does_not_follow_a_server_of_tokens_to_another_host(shop, api, url):
    elsewhere = Interface()
    with served(elsewhere.app) as away:
        api.token_answer = lambda: redirect(f"{away}/token", 307)
        shop.configure(shop=source(url, oauth(url)))
        seen = shop.fetch("shop/orders")
    assert elsewhere.forms == [] and len(api.forms) == 1
    assert f"leads to another host, {away.removeprefix('http://')}" in seen.problem
    assert_told_nowhere(shop, seen)
