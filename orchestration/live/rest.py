"""Rows of an interface that answers in JSON, page by page, by dlt's rest_api source."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from orchestration.live.config import Api, Resource
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError

SECONDS = 60  # that an answer may take
Item = dict[str, Any]


def items(
    source: Api, resource: Resource, secrets: Secrets, start: Any
) -> Iterator[tuple[Any, Item]]:
    """The rows from `start` on, each behind its cursor, numbers as exact as they were sent."""
    from dlt.sources.rest_api import rest_api_resources

    params: dict[str, Any] = dict(secrets.fill(dict(resource.params)))
    if start is not None and resource.cursor_param:
        params[resource.cursor_param] = str(start)
    endpoint: dict[str, Any] = {
        "path": resource.path,
        "params": params,
        "paginator": _paginator(resource.paginator or source.paginator),
        "response_actions": [_exactly, *_paced(source)],
    }
    if resource.data:
        endpoint["data_selector"] = resource.data
    config: Any = {
        "client": _client(source, secrets),
        "resources": [{"name": "rows", "endpoint": endpoint}],
    }
    with _explained(source):
        (rows,) = rest_api_resources(config)
        for item in rows:
            if not isinstance(item, dict):
                raise SourceError("its rows are no JSON objects: say in `data` where they are")
            yield _at(item, resource.cursor), item


def _at(item: Item, path: str | None) -> Any:
    """The field at a path; `a.b` is the b in a."""
    value: Any = item if path else None
    for part in (path or "").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def greet_api(source: Api, secrets: Secrets) -> None:
    """Ask for the first row of the first resource, and no more."""
    resource = next(iter(source.folders.values()))
    next(items(source, resource, secrets, None), None)


def _client(source: Api, secrets: Secrets) -> dict[str, Any]:
    client: dict[str, Any] = {
        "base_url": secrets.fill(source.url).rstrip("/") + "/",
        "headers": {"User-Agent": "kizuna"} | secrets.fill(dict(source.headers)),
        "session": _session(source, secrets.fill(source.url)),
    }
    if source.auth:
        client["auth"] = _auth(source, secrets.fill(dict(source.auth)))
    return client


def _auth(source: Api, given: dict[str, Any]) -> Any:
    if given["type"] != "oauth2_client_credentials":
        return given
    from orchestration.live.tokens import Tokens

    of_tokens = _session(source, given["access_token_url"])
    return Tokens.from_init_value({**given, "session": of_tokens})


def _session(source: Api, url: str) -> Any:
    """Tries again what may pass, and speaks to the host of the address alone, whatever an answer
    links to.
    """
    from dlt.sources.helpers.requests import Client
    from requests.adapters import BaseAdapter, HTTPAdapter

    class Elsewhere(BaseAdapter):
        def send(self, request: Any, *args: Any, **more: Any) -> Any:
            raise SourceError(f"an answer leads to another host, {urlsplit(request.url).netloc}")

        def close(self) -> None:
            pass

    session = Client(
        request_timeout=SECONDS,
        raise_for_status=False,  # dlt's client and its tokens do
        request_max_attempts=source.attempts,
        request_backoff_factor=source.wait_seconds,
    ).session
    home = urlsplit(url)
    for scheme in ("http://", "https://"):
        session.mount(scheme, Elsewhere())
    session.mount(f"{home.scheme}://{home.netloc}/", HTTPAdapter())
    return session


def _paginator(paginator: dict[str, Any]) -> dict[str, Any]:
    if paginator["type"] in ("page_number", "offset"):
        return {"total_path": None} | paginator  # without a total, until a page is empty
    return paginator


def _exactly(response: Any, *args: Any, **more: Any) -> Any:
    """Have numbers read as they are written, not as the nearest floats."""
    response.json = lambda **_: json.loads(response.content, parse_float=Decimal)
    return response


def _paced(source: Api) -> list[Any]:
    if source.requests_per_second is None:
        return []
    pause = 1 / source.requests_per_second

    def wait(response: Any, *args: Any, **more: Any) -> Any:
        time.sleep(pause)
        return response

    return [wait]


class _explained:
    """Have whatever dlt and requests raise said in words, and how often it was tried."""

    def __init__(self, source: Api):
        self.source = source

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or not isinstance(error, Exception):
            return
        from requests import HTTPError, RequestException
        from requests.exceptions import ConnectionError, Timeout

        causes = [error]
        while cause := causes[-1].__cause__ or causes[-1].__context__:
            causes.append(cause)
        if known := next((one for one in causes if isinstance(one, SourceError)), None):
            raise known from None
        failed = next((one for one in causes if isinstance(one, RequestException)), error)
        status = failed.response.status_code if isinstance(failed, HTTPError) else None
        again = isinstance(failed, ConnectionError | Timeout) or (
            status is not None and (status == 429 or status >= 500)
        )
        said = f"it answered {status}: {failed}" if status else f"{failed}"
        if status in (401, 403):
            said += "; it refuses who asks: look at `auth`"
        raise SourceError(said, attempts=self.source.attempts if again else 1) from None
