"""Who is who: what links source ids to one person, what does not, and who names the person."""

from datetime import date, datetime
from pathlib import Path

import pytest

from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.linking import link_persons
from orchestration.linking.decided import COLUMNS
from tests.raw_data import RawData

AS_OF = date(2026, 6, 30)
BEFORE = datetime(2026, 6, 1)
END = datetime(2026, 6, 30, 15)  # of the as-of date, in Tokyo
TOLD_BY = {"customer_id": {"shop": "crm"}}


@pytest.fixture
def raw(tmp_path: Path) -> RawData:
    return RawData(tmp_path / "company", {"max_ids_of_a_value": 3, "max_ids_of_a_person": 4})


def persons(raw: RawData, as_of: date = AS_OF) -> set[tuple[str, ...]]:
    """The ids of each person who has several, the one that names them first."""
    found: dict[str, list[str]] = {}
    for row in raw.link(as_of, TOLD_BY).table.to_pylist():
        found.setdefault(row["person_key"], []).append(row["customer_key"])
    return {(key, *sorted(set(ids) - {key})) for key, ids in found.items()}


def word(name: str, granted: bool, at: datetime = BEFORE) -> dict[str, object]:
    return {
        "consent_id": f"{name} {granted} {at}",
        "customer_id": name,
        "purpose": "sns_linking",
        "granted": granted,
        "recorded_at": at,
    }


def customer(name: str, **columns: object) -> dict[str, object]:
    return {"customer_id": name, "created_at": BEFORE, "updated_at": BEFORE, **columns}


def told(name: str, kind: str, value: str, **columns: object) -> dict[str, object]:
    return {"customer_id": name, "identity_type": kind, "identity_value": value, **columns}


def decide(raw: RawData, *rows: str) -> None:
    raw.reference("person_decisions.csv", "\n".join([",".join(COLUMNS), *rows, ""]))


def test_a_shared_email_phone_or_handle_and_a_told_id_link(raw):
    raw.deliver("customers", "crm", [customer(str(i), email=f"m{i}") for i in range(5)])
    raw.deliver("customers", "till", [customer("a", email="m0"), customer("b", phone="p1")])
    raw.deliver(
        "identities",
        "shop",  # whose customer ids are the CRM's
        [
            told("1", "phone", "p1"),
            told("2", "sns_handle", "h", identity_system="X"),
            told("3", "sns_handle", "h", identity_system=" x"),
            told("4", "customer_id", "77", identity_system="app"),
        ],
    )
    raw.deliver("consents", "shop", [word("2", True), word("3", True)])
    raw.deliver("orders", "app", [{"order_id": "1", "customer_id": "77", "ordered_at": BEFORE}])
    assert persons(raw) == {
        ("crm:0", "till:a"),
        ("crm:1", "till:b"),
        ("crm:2", "crm:3"),
        ("crm:4", "app:77"),
    }
    rules = {row["customer_key"]: row["rule"] for row in raw.links.to_pylist()}
    joined = ("till:a", "till:b", "crm:3", "app:77")
    assert [rules[key] for key in joined] == ["email", "phone", "sns_handle", "identities"]


def test_a_handle_links_ids_that_both_allow_it_by_their_last_word(raw):
    pairs = ("both", "one", "silent", "retracted", "later", "tied")
    ids = [f"{pair}{i}" for pair in pairs for i in (1, 2)]
    raw.deliver("customers", "crm", [customer(name) for name in ids])
    kinds = {name: ("sns_handle", "line_id")[len(name) % 2] for name in ids}
    raw.deliver("identities", "crm", [told(name, kinds[name], name[:-1]) for name in ids])
    words = [word(name, True) for name in ids if name != "one2" and "silent" not in name]
    words += [word("retracted2", False, datetime(2026, 6, 30, 14)), word("later2", False, END)]
    raw.deliver("consents", "crm", [*words, word("tied2", False)])
    assert persons(raw) == {("crm:both1", "crm:both2"), ("crm:later1", "crm:later2")}


def test_a_browser_a_handle_elsewhere_and_what_many_share_link_nobody(raw):
    many = [customer(str(i), email="info@", phone=f"p{i // 3}") for i in range(4)]
    raw.deliver("customers", "crm", many)
    raw.deliver(
        "identities",
        "crm",
        [
            told("0", "web_anonymous_id", "w"),
            told("3", "web_anonymous_id", "w"),
            told("0", "sns_handle", "h", identity_system="x"),
            told("3", "sns_handle", "h", identity_system="instagram"),
            told("0", "other", "o"),
            told("3", "other", "o"),
        ],
    )
    # four share an e-mail, which is too many; three a phone
    assert persons(raw) == {("crm:0", "crm:1", "crm:2")}


def test_a_family_at_one_phone_are_several_persons(raw):
    father = {"phone": "home", "given_name": "誠", "birth_date": date(1960, 1, 1)}
    son = father | {"birth_date": date(1990, 5, 5)}  # of his father's name
    mother = father | {"given_name": "恵", "birth_date": None}
    raw.deliver("customers", "crm", [customer("f", **father), customer("s", **son)])
    raw.deliver("customers", "till", [customer("m", **mother)])
    assert persons(raw) == set()


def test_who_shares_an_email_is_one_unless_two_of_three_traits_differ(raw):
    one = {"email": "m", "given_name_kana": "アイ", "family_name": "林"}
    raw.deliver(
        "customers",
        "crm",
        [
            customer("1", **one),
            customer("married", **one | {"family_name": "森"}),
            customer("colleague", **one | {"family_name": "森", "given_name_kana": "ユウ"}),
        ],
    )
    assert persons(raw) == {("crm:1", "crm:married")}


def test_links_that_together_would_make_two_humans_one_stop_before_that(raw):
    """The till's row fits the father and the son by itself, and goes with the stronger link."""
    father, son = date(1960, 1, 1), date(1990, 5, 5)
    raw.deliver(
        "customers",
        "crm",
        [
            customer("father", phone="home", birth_date=father),
            customer("son", email="m", birth_date=son),
        ],
    )
    raw.deliver("customers", "till", [customer("x", phone="home", email="m")])
    assert persons(raw) == {("crm:son", "till:x")}


def test_a_chain_of_links_ends_at_the_largest_person(raw):
    chain = [customer(str(i), email=f"m{i}", phone=f"m{i + 1}") for i in range(6)]
    raw.deliver("customers", "crm", chain)
    raw.deliver("identities", "crm", [told(str(i), "email", f"m{i + 1}") for i in range(6)])
    sizes = sorted(len(ids) for ids in persons(raw))
    assert sizes == [2, 4]


def test_nothing_of_after_the_date_links(raw):
    late = datetime(2026, 6, 30, 15)
    raw.deliver("customers", "crm", [customer("1", email="m", phone="p"), customer("2")])
    raw.deliver("customers", "till", [customer("new", phone="p") | {"created_at": late}])
    raw.deliver("customers", "crm", [customer("2", phone="p") | {"updated_at": late}])
    raw.deliver("identities", "crm", [told("2", "customer_id", "1", linked_at=late)])
    assert persons(raw) == set()
    assert persons(raw, date(2026, 7, 1)) == {("crm:1", "crm:2", "till:new")}


def test_a_person_keeps_their_name_when_older_and_better_known_ids_come(raw):
    raw.deliver("orders", "app", [{"order_id": "1", "customer_id": "7", "ordered_at": BEFORE}], END)
    raw.deliver("customers", "crm", [customer("1", email="m")], END)
    assert persons(raw) == set()
    older = customer("0", email="m") | {"created_at": datetime(2001, 1, 1)}
    raw.deliver("customers", "aaa", [older], datetime(2026, 7, 1, 15))
    tomorrow, next_day = date(2026, 7, 1), date(2026, 7, 2)
    assert persons(raw, tomorrow) == {("crm:1", "aaa:0")}
    raw.deliver(
        "identities",
        "crm",
        [told("1", "customer_id", "7", identity_system="app")],
        datetime(2026, 7, 2, 15),
    )
    # of two persons of one night the one created first
    assert persons(raw, next_day) == {("crm:1", "aaa:0", "app:7")}


def test_a_file_that_replaces_another_renames_nobody(raw):
    raw.deliver("customers", "crm", [customer("2", email="m")], END)
    raw.loads[0]["is_superseded"] = True
    later = datetime(2026, 7, 1, 15)
    raw.deliver("customers", "crm", [customer("1", email="m"), customer("2", email="m")], later)
    assert persons(raw, date(2026, 7, 1)) == {("crm:2", "crm:1")}


def test_a_shop_phone_that_more_and_more_give_parts_whom_it_had_joined(raw):
    raw.deliver("customers", "crm", [customer("1", phone="p"), customer("2", phone="p")], END)
    assert persons(raw) == {("crm:1", "crm:2")}
    more = [customer(str(i), phone="p") for i in (3, 4)]
    raw.deliver("customers", "crm", more, datetime(2026, 7, 1, 15))
    assert persons(raw, date(2026, 7, 1)) == set()


def test_what_people_decided_wins_over_everything(raw):
    raw.deliver(
        "customers",
        "crm",
        [
            customer("1", email="m", birth_date=date(1960, 1, 1), given_name="誠"),
            customer("2", birth_date=date(1990, 1, 1), given_name="恵"),
            customer("3", email="m"),
            *(customer(f"many{i}", email=f"n{i}") for i in range(6)),
        ],
    )
    raw.deliver("identities", "crm", [told("1", "customer_id", "3")])
    decide(
        raw,
        "crm,1,crm,2,same,the call of 3 June",
        "crm,3,crm,1,different,",
        *(f"crm,many{i},crm,many{i + 1},same," for i in range(5)),
        "crm,404,crm,1,same,",
    )
    linked = raw.link(AS_OF)
    assert persons(raw) == {
        ("crm:1", "crm:2"),
        ("crm:many0", *(f"crm:many{i}" for i in range(1, 6))),
    }
    (warning,) = linked.warnings
    assert "line 9" in warning
    assert "crm:404" in warning


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["crm,1,crm,2,perhaps,"], "line 2: `verdict` is 'perhaps': write `same` or `different`"),
        (["crm,1,crm,2,same,", "crm,2,crm,1,different,"], "line 3: line 2 says the opposite"),
        (["crm,1,crm,,same,"], "line 2: needs system, customer_id"),
        (["crm,1,crm,1,same,"], "line 2: an id beside itself"),
    ],
)
def test_a_decision_that_cannot_be_understood_is_named(raw, rows, said):
    decide(raw, *rows)
    with pytest.raises(ConfigError, match=said):
        link_persons(load_company(raw.company), AS_OF, {})


HANAKO = {
    "family_name": "林",
    "given_name": "花子",
    "family_name_kana": "ハヤシ",
    "given_name_kana": "ハナコ",
    "birth_date": date(1980, 4, 5),
    "postal_code": "1000001",
    "phone": "+819012345678",
    "email": "hanako@example.com",
}


def without(*columns: str, **changed: object) -> dict[str, object]:
    return {name: value for name, value in HANAKO.items() if name not in columns} | changed


@pytest.mark.parametrize(
    "again",
    [
        without("phone", "email", given_name_kana="ハナユ"),
        without("phone", "email", "family_name", "given_name"),
        without("phone", "email", postal_code="6000001"),
        without("email", "birth_date", phone="+819012345679"),
        without("phone", "email", family_name="森", family_name_kana="モリ"),
        without("phone", "email", birth_date=date(1980, 4, 6)),
        without("phone", family_name_kana="ハヤジ", email="hanaco@example.com"),
        without("family_name_kana", "given_name_kana", "phone", "email"),
    ],
    ids=["typo", "kana only", "moved", "digit", "married", "born a day off", "mail", "kanji only"],
)
def test_records_that_resemble_each_other_enough_are_probably_one_human(raw, again):
    others = [
        customer(
            f"other{i}",
            family_name_kana=f"カゾク{i % 7}",
            given_name_kana=f"ナマエ{i % 11}",
            birth_date=date(1950 + i, 1 + i % 12, 1 + i % 28),
            postal_code=f"{1000 + i}002",
        )
        for i in range(40)
    ]
    raw.deliver("customers", "crm", [customer("hanako", **HANAKO), *others])
    raw.deliver("customers", "till", [customer("again", **again)])
    assert persons(raw) == {("crm:hanako", "till:again")}
    (joined,) = [row for row in raw.links.to_pylist() if row["rule"] == "probable"]
    assert 0.95 <= joined["probability"] <= 1


@pytest.mark.parametrize(
    "other",
    [
        without(given_name="一郎", given_name_kana="イチロウ", email=None),
        without("email", given_name="花代", given_name_kana="ハナヨ"),
        without("email", birth_date=date(1952, 11, 30)),
        without("phone", "email", "birth_date", postal_code="6000001"),
    ],
    ids=["twin", "twin of nearly the name", "mother of the name", "namesake"],
)
def test_relatives_and_namesakes_are_others(raw, other):
    namesakes = [customer(f"n{i}", **without("phone", "email", "birth_date", "postal_code"))
                 for i in range(8)]  # fmt: skip
    raw.deliver("customers", "crm", [customer("hanako", **HANAKO), *namesakes])
    raw.deliver("customers", "till", [customer("other", **other)])
    assert persons(raw) == set()


def test_resemblance_can_be_left_out(tmp_path):
    raw = RawData(tmp_path / "company", {"link_probability": "100 %"})
    raw.deliver("customers", "crm", [customer("1", **without("phone", "email"))])
    raw.deliver("customers", "till", [customer("1", **without("phone", "email"))])
    assert persons(raw) == set()


def test_each_link_tells_its_rule_its_other_id_and_its_first_night(raw):
    raw.deliver("customers", "crm", [customer("1", email="m")], datetime(2026, 6, 28, 15))
    raw.deliver("customers", "till", [customer("a", email="m")], datetime(2026, 6, 29, 15))
    raw.link(AS_OF)
    first, joined = sorted(raw.links.to_pylist(), key=lambda row: row["customer_key"])
    assert first == {
        "customer_key": "crm:1",
        "person_key": "crm:1",
        "rule": "first",
        "linked_to": None,
        "probability": 1.0,
        "since_date": None,
    }
    assert joined == first | {
        "customer_key": "till:a",
        "rule": "email",
        "linked_to": "crm:1",
        "since_date": date(2026, 6, 29),
    }
