"""Resources of an HTTP interface on this machine, fetched night after night."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from live_sources import Live

pytest.importorskip("dlt")

TOKEN = "t0ken/&=very secret"


class Interface(ThreadingHTTPServer):
    """Orders in pages of two; `faults` are answers that come first, `dead` after so many."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.orders: list[dict] = []
        self.faults: list[tuple[int, dict]] = []
        self.dead_after: int | None = None
        self.asked: list[str] = []

    def __enter__(self) -> "Interface":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Interface

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.asked.append(self.path)
        if self.server.dead_after is not None and len(self.server.asked) > self.server.dead_after:
            self.connection.close()
        elif self.server.faults:
            status, headers = self.server.faults.pop(0)
            self.answer(status, {}, headers)
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(401, {})
        elif url.path == "/v1/elsewhere":
            self.answer(200, {"data": [{"order_id": "1"}], "next": "http://localhost:1/steal"})
        else:
            since, page = asked.get("since", ""), int(asked.get("page", 1))
            found = [o for o in self.server.orders if o["meta"]["updated_at"] >= since]
            self.answer(200, {"data": found[2 * page - 2 : 2 * page], "other": [1, 2, 3]})

    def answer(self, status: int, body: dict, headers: dict | None = None) -> None:
        content = json.dumps(body).replace('"<', "").replace('>"', "").encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Interface]:
    with Interface() as interface:
        yield interface


@pytest.fixture
def shop(tmp_path, api, monkeypatch) -> Live:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    return Live(tmp_path, shop=source(api))


def source(api: Interface, **changed) -> dict:
    orders = {
        "path": "orders",
        "data": "data",
        "cursor": "meta.updated_at",
        "cursor_param": "since",
        "overlap": 0,
    }
    return {
        "url": f"http://127.0.0.1:{api.server_port}/v1",
        "auth": {"type": "bearer", "token": "${SHOP_TOKEN}"},
        "paginator": {"type": "page_number", "base_page": 1},
        "wait_seconds": 0.01,
        "folders": {"orders": orders | changed},
    }


def order(number: int, updated_at: str, total: str = "1000") -> dict:
    return {
        "order_id": str(number),
        "ordered_at": "2026-06-01T09:00:00+09:00",
        "status": "paid",
        "currency": "JPY",
        "total": f"<{total}>",  # a number, as it is written
        "meta": {"updated_at": updated_at},
    }


def test_all_pages_arrive_and_then_what_is_new(shop, api):
    api.orders = [order(n, f"2026-06-0{n}T00:00:00Z") for n in range(1, 6)]
    (seen,) = shop.night("shop/orders")
    assert (seen.problem, seen.rows, seen.cursor) == (None, 5, "2026-06-05T00:00:00Z")
    api.orders += [order(6, "2026-06-05T00:00:00Z"), order(7, "2026-06-06T00:00:00Z")]
    api.asked.clear()
    assert shop.night("shop/orders")[0].rows == 2  # the tie is not lost, the known one not doubled
    assert api.asked[0] == "/v1/orders?since=2026-06-05T00%3A00%3A00Z&page=1"
    assert shop.night("shop/orders")[0].rows == 0
    assert shop.raw("orders", "order_id") == [(str(n),) for n in range(1, 8)]
    assert shop.files("shop/orders") == [
        ".fetched.json",
        "fetched-000001.jsonl.gz",
        "fetched-000002.jsonl.gz",
    ]


def test_numbers_arrive_as_they_are_written(shop, api):
    api.orders = [order(1, "2026-06-01", "12345678901234.5678"), order(2, "2026-06-01", "0.1")]
    shop.night("shop/orders")
    assert shop.raw("orders", "total::text") == [("0.1000",), ("12345678901234.5678",)]


def test_it_waits_as_it_is_told_and_tries_again_what_may_pass(shop, api):
    api.orders = [order(1, "2026-06-01")]
    api.faults = [(429, {"Retry-After": "1"}), (500, {})]
    seen = shop.fetch("shop/orders")
    assert (seen.problem, seen.rows, len(api.asked)) == (None, 1, 4)
    assert seen.seconds >= 1


def test_what_does_not_pass_is_told_and_leaves_nothing(shop, api):
    api.faults = [(503, {})] * 3
    seen = shop.fetch("shop/orders")
    assert "tried 3 times: it answered 503" in seen.problem
    api.faults = [(403, {})]
    assert "tried once: it answered 403" in shop.fetch("shop/orders").problem
    assert shop.files("shop/orders") == [".fetched.json"]


def test_a_server_that_dies_between_pages_leaves_nothing_half(shop, api):
    api.orders = [order(n, f"2026-06-0{n}T00:00:00Z") for n in range(1, 8)]
    api.dead_after = 2
    assert "tried 3 times" in shop.fetch("shop/orders").problem
    assert shop.files("shop/orders") == [".fetched.json"]
    api.dead_after = None
    assert shop.fetch("shop/orders").rows == 7


def test_a_secret_goes_to_its_own_host_alone_and_is_written_nowhere(shop, api, monkeypatch):
    link = {"type": "json_link", "next_url_path": "next"}
    shop.configure(
        shop=source(api, path="elsewhere", paginator=link, cursor="order_id", cursor_param="id")
    )
    assert "leads to another host, localhost:1" in shop.fetch("shop/orders").problem
    monkeypatch.setenv("SHOP_TOKEN", "wrong-token")
    shop.configure(shop=source(api, params={"key": "${SHOP_TOKEN}"}))
    seen = shop.fetch("shop/orders")
    assert "it answered 401" in seen.problem and "wrong-token" not in seen.problem
    assert b"wrong-token" not in shop.texts() and TOKEN.encode() not in shop.texts()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"auth": {"type": "bearer", "token": "abc"}}, "auth`: a secret stands in the environment"),
        ({"auth": {"type": "bearer"}}, "auth`: needs `token`"),
        ({"auth": {"type": "digest"}}, "auth`: needs `type`, one of bearer"),
        (
            {"auth": {"type": "api_key", "api_key": "${KEY}", "location": "cookie"}},
            "auth`: `location` is one of header, query",
        ),
        ({"paginator": {"type": "offset", "limt": 5}}, "paginator`: unknown key `limt`"),
        ({"headers": {"X-Api-Key": "abc"}}, "headers`: `X-Api-Key` looks like a secret"),
        ({"url": "http://api.example.com"}, "secrets go over https:// only"),
    ],
)
def test_what_is_wrong_of_an_interface_is_named(shop, api, changed, said):
    from orchestration.company import load_company
    from orchestration.configuration import ConfigError

    shop.configure(shop=source(api) | changed)
    with pytest.raises(ConfigError) as error:
        load_company(shop.folder)
    assert said in str(error.value) and "abc" not in str(error.value)
