"""company.yml: what is understood, and how what is wrong in it is named."""

from datetime import date, datetime
from pathlib import Path

import pytest

from orchestration.company import Settings, load_company
from orchestration.configuration import ConfigError


def company(folder: Path, text: str):
    (folder / "company.yml").write_text(text, encoding="utf-8")
    return load_company(folder)


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        company(folder, text)
    return str(error.value).replace(f"{folder}/", "")


def test_a_key_that_is_left_out_has_its_default(tmp_path):
    settings = company(tmp_path, "name: Kaze\n").settings
    assert settings == Settings(name="Kaze")
    assert settings.quarantine_ceiling("orders") == 0.01


def test_an_empty_file_is_a_company(tmp_path):
    assert company(tmp_path, "# nothing yet\n").settings == Settings()


def test_every_setting_says_what_it_is():
    assert all(field.description for field in Settings.model_fields.values())


def test_what_it_says_of_systems_is_there_by_name(tmp_path):
    (tmp_path / "landing" / "crm").mkdir(parents=True)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "till.yml").touch()
    shop = company(
        tmp_path,
        "history_complete_from: 2025-01-01\n"
        "systems:\n"
        "  shop:\n"
        "    time_zone: Europe/London\n"
        "    delivery: {orders: full}\n"
        "    ids_of: {customer_id: crm}\n",
    )
    assert shop.settings.history_complete_from == date(2025, 1, 1)
    assert shop.time_zone("shop") == "Europe/London"
    assert shop.time_zone("crm") == "Asia/Tokyo"
    assert shop.delivers_in_full("shop", "orders")
    assert not shop.delivers_in_full("shop", "products")
    assert shop.mapping("till") == tmp_path / "mappings" / "till.yml"
    assert shop.mapping("shop") is None


def test_a_ceiling_is_one_for_all_or_one_per_feed(tmp_path):
    assert company(tmp_path, "max_quarantined_share: 5 %").settings.quarantine_ceiling("x") == 0.05
    per_feed = company(tmp_path, "max_quarantined_share: {orders: 0.2, default: 2 %}").settings
    assert per_feed.quarantine_ceiling("orders") == 0.2
    assert per_feed.quarantine_ceiling("answers") == 0.02


def test_of_a_purpose_that_is_left_out_the_default_stands(tmp_path):
    assert Settings().allows_by_default("analytics")
    assert not Settings().allows_by_default("sns_linking")
    own = company(tmp_path, "consent_defaults: {sns_linking: true, third_party: no}").settings
    assert own.allows_by_default("analytics") and own.allows_by_default("sns_linking")
    assert not own.allows_by_default("third_party")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "name: A\ninactivty_days: 3\n",
            "company.yml line 2: unknown key `inactivty_days`; did you mean `inactivity_days`?",
        ),
        (
            "systems:\n  shop:\n    delivry: {}\n",
            "company.yml line 3: unknown key `delivry`; did you mean `delivery`?",
        ),
        (
            "systems:\n  shop:\n    delivery:\n      order: full\n",
            "company.yml line 4: unknown feed `order`; did you mean `orders`?",
        ),
        (
            "max_quarantined_share:\n  anwsers: 0.1\n",
            "company.yml line 2: unknown feed `anwsers`; did you mean `answers`?",
        ),
        (
            "systems:\n  crm: {}\n  shop:\n    ids_of: {custmer_id: crm}\n",
            "company.yml line 4: unknown id column `custmer_id`; did you mean `customer_id`?",
        ),
        (
            "systems:\n  crm: {}\n  shop:\n    ids_of: {customer_id: cmr}\n",
            "company.yml line 4: unknown system `cmr`; did you mean `crm`?",
        ),
        (
            "systems:\n  shop: {delivery: {orders: ful}}\n",
            "company.yml line 2: `systems.shop.delivery.orders`: input should be 'full' or 'delta',"
            " not 'ful'",
        ),
        (
            "business_timezone: Asia/Tokio\n",
            "company.yml line 1: `business_timezone`: no such time zone; did you mean Asia/Tokyo,"
            " not 'Asia/Tokio'",
        ),
        ("fiscal_year_start: 13\n", "company.yml line 1: `fiscal_year_start`: "),
        ("reporting_currency: yen\n", "company.yml line 1: `reporting_currency`: "),
        (
            "consent_defaults:\n  analytcs: false\n",
            "company.yml line 2: unknown purpose `analytcs`; did you mean `analytics`?",
        ),
        (
            "consent_defaults: {analytics: perhaps}\n",
            "company.yml line 1: `consent_defaults.analytics`: input should be a valid boolean,"
            " not 'perhaps'",
        ),
        ("consent_defaults: [analytics]\n", "company.yml line 1: `consent_defaults`: "),
        ("max_shrink_share: 1\n", "company.yml line 1: `max_shrink_share`: could be 1 % or 100 %"),
        ("name: A\nname: B\n", "company.yml line 2: `name` stands there twice"),
        ("name: [A\n", "company.yml line 2 column 1: "),
        ("- name\n", "company.yml line 1: expected `key: value` lines"),
        ("systems: {shop: {mapping: shp.yml}}\n", "company.yml line 1: no file `shp.yml` in "),
        ("systems: {../shop: {}}\n", "company.yml line 1: system `../shop`: use letters"),
    ],
)
def test_what_is_wrong_is_named_with_line_key_and_remedy(tmp_path, text, said):
    assert problem(tmp_path, text).startswith(said)


def test_every_problem_is_said_at_once(tmp_path):
    said = problem(tmp_path, "nam: A\nfiscal_year_start: 0\n").split("\n")
    assert len(said) == 2


def test_a_folder_without_a_company_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="kizuna init"):
        load_company(tmp_path)


def test_a_reference_file_of_no_known_name_is_refused(tmp_path):
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "fx_rate.csv").touch()
    assert "did you mean `fx_rates.csv`?" in problem(tmp_path, "name: A\n")


def test_a_share_may_be_the_whole(tmp_path):
    (tmp_path / "company.yml").write_text("name: Shop\nmax_quarantined_share: '100 %'\n")
    assert load_company(tmp_path).settings.quarantine_ceiling("orders") == 1.0


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Asia/Tokyo", date(2026, 7, 1), datetime(2026, 6, 30, 15)),
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23)),  # the day of 23 hours
        ("Europe/Berlin", date(2026, 3, 30), datetime(2026, 3, 29, 22)),
    ],
)
def test_a_business_date_begins_at_midnight_over_there(tmp_path, zone, day, begins):
    assert company(tmp_path, f"business_timezone: {zone}").start_of(day) == begins
