"""Another key while PostgreSQL shows the marts: soon it holds no token of the old one."""

# ruff: noqa: F811
from datetime import date

import pytest
from conftest import Kizuna
from faults.small_night import Shop, night
from postgres_server import dump
from test_rotation import (  # noqa: F401
    NEW,
    deliver_second,
    first,
    shop,
    tokens_of,
)
from test_serving import (  # noqa: F401
    PASSWORD,
    asking,
    schemas,
    served_by,
    server,
    told,
    wire,
)

from orchestration.serving.served import serve


@pytest.mark.parametrize("is_away", [False, True])
def test_postgresql_shows_the_new_tokens_alone_at_once_or_once_it_is_back(
    shop: Shop, wire, asking, kizuna: Kizuna, monkeypatch, is_away: bool
):
    monkeypatch.setenv("MARTS_PASSWORD", PASSWORD)
    company = served_by(shop.folder, wire.port)

    def shown() -> set[str]:
        emails = asking("bi_reader").execute("select email from marts.orders")
        return {email for (email,) in emails.fetchall()}

    def held(tokens: set[str]) -> set[str]:
        dumped = dump(asking())
        return {token for token in tokens if token.encode() in dumped}

    assert serve(company).problem is None
    old = set(tokens_of(shop))
    before = shown()
    assert len(before) == 2 and before <= held(old)

    monkeypatch.setenv("KIZUNA_NEW_TOKEN_KEY", NEW)
    wire.limit = 0 if is_away else None
    command = ("rotate", "--company", shop.folder, "--as-of", "2026-01-10", "--token-key")
    result = kizuna(*command)
    assert result.exit_code == 0
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", NEW)
    wire.mend()
    if is_away:
        assert "does not show 2026-01-10-001" in result.output
        assert shown() == before
    else:
        assert "PostgreSQL shows 2026-01-10-001: " in result.output
        assert len(shown()) == 2 and shown() <= set(tokens_of(shop))
        assert held(old) == set() and schemas(asking()) == ["marts"]

    deliver_second(shop)
    night(shop.folder, date(2026, 1, 11))
    assert serve(company).problem is None
    assert told(asking("bi_reader")) == "2026-01-11-001"
    assert len(shown()) == 3 and shown() <= set(tokens_of(shop))
    assert held(old) == set() and schemas(asking()) == ["marts"]
