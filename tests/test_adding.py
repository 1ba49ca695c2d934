"""Adding exports: what a file is, what would become of it, and a draft where nobody knows it."""

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from orchestration.adding import parameters
from orchestration.cli import main
from orchestration.company import load_company
from orchestration.configuration import ConfigError

SHOPIFY = Path(__file__).parent / "vendors" / "shopify" / "orders" / "orders_export_1.csv"
OWN = """
files:
  lines: {match: "lines/*", recognised_by: [Nr, Sum]}
parameters:
  currency: {description: What the shop sells in.}
feeds:
  orders:
    from: lines
    columns:
      order_id: Nr
      ordered_at: {constant: 2026-05-01}
      status: {constant: paid}
      currency: parameter('currency')
      total: Sum
"""


@pytest.fixture
def company(tmp_path):
    folder = tmp_path / "company"
    assert run("init", folder).exit_code == 0
    return folder


def run(*arguments, **more):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **more)


def add(company, *arguments, **more):
    return run("add", *arguments, "--company", company, **more)


def written(tmp_path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


def files_in(company: Path) -> set[str]:
    paths = (company / "landing").rglob("*")
    return {p.relative_to(company / "landing").as_posix() for p in paths if p.suffix == ".csv"}


def test_an_export_is_shown_first_and_taken_in_only_when_told_so(company):
    before = (company / "company.yml").read_text()
    shown = add(company, SHOPIFY, input="n\n")
    assert shown.exit_code == 1
    assert "Shopify (orders)" in shown.output and "4 of 5 rows arrive" in shown.output
    assert "line 7: orders ordered_at `2026-02-30 00:00:00 +0900`" in shown.output
    assert "hanako" not in shown.output, "personal values are not shown"
    assert (files_in(company), (company / "company.yml").read_text()) == (set(), before)

    taken = add(company, SHOPIFY, "--system", "shop", "--yes")
    assert taken.exit_code == 0, taken.output
    assert files_in(company) == {"shop/orders/orders_export_1.csv"}
    after = (company / "company.yml").read_text()
    assert after.startswith(before.rstrip()), "comments and settings stand as they were"
    assert load_company(company).system("shop").mapping == "shopify.yml"


def test_a_second_system_of_the_same_vendor_stands_beside_the_first(company):
    for system in ("shop", "outlet"):
        assert add(company, SHOPIFY, "--system", system, "--yes").exit_code == 0
    assert files_in(company) == {
        "outlet/orders/orders_export_1.csv",
        "shop/orders/orders_export_1.csv",
    }
    text = (company / "company.yml").read_text()
    assert list(yaml.safe_load(text)["systems"]) == ["shop", "outlet"]
    assert "# Name of the company" in text


def test_files_that_belong_together_lie_in_one_folder_of_the_day(company):
    folder = SHOPIFY.parents[2] / "zendesk" / "2026-06-30"
    assert add(company, *folder.glob("*.csv"), "--yes").exit_code == 0
    places = {Path(name) for name in files_in(company)}
    assert {place.name for place in places} == {path.name for path in folder.glob("*.csv")}
    assert {place.parts[-2] for place in places} == {"tickets", "history", "users"}
    (day,) = {place.parent.parent for place in places}
    assert day.parent == Path("zendesk")
    alone = add(company, folder / "user_data.csv", "--system", "other_desk")
    assert "no file in the folder matches tickets/*" in alone.output.replace("\n", " ")


def test_a_report_keeps_the_folder_whose_name_tells_its_range(company):
    (report,) = (SHOPIFY.parents[2] / "youtube").glob("Content */*.csv")
    assert add(company, report, "--set", "account=drip", "--yes").exit_code == 0
    assert files_in(company) == {f"youtube/posts/{report.parent.name}/{report.name}"}


def test_a_survey_s_questions_are_said_in_company_yml(company):
    (survey,) = (SHOPIFY.parents[2] / "google_forms" / "responses").glob("顧客*.csv")
    told = ("--set", "survey=s", "--set", "kind=relationship")
    questions = ("--set", "questions={当社を友人に薦めますか？: nps}")
    added = add(company, survey, *told, *questions, "--yes")
    assert added.exit_code == 0, added.output
    assert "対応にご満足いただけましたか？" in added.output, "which columns nothing is made of"
    assert add(company, survey, "--set", "questions={お住まい: home}", "--yes").exit_code == 0
    given = load_company(company).system("google_forms").parameters
    assert given["questions"] == {"当社を友人に薦めますか？": "nps", "お住まい": "home"}
    other = add(company, survey, "--set", "survey=another", "--yes")
    assert other.exit_code == 2 and "has survey s" in other.output.replace("\n", " ")


def test_another_file_of_a_name_that_was_delivered_is_not_laid_over_it(company, tmp_path):
    assert add(company, SHOPIFY, "--yes").exit_code == 0
    changed = written(tmp_path, SHOPIFY.name, SHOPIFY.read_text().replace("#1001", "#2001"))
    result = add(company, changed, "--yes")
    assert result.exit_code == 2 and "delivered before" in result.output
    (landed,) = (company / "landing").rglob("*.csv")
    assert landed.read_bytes() == SHOPIFY.read_bytes()


def test_a_canonical_file_needs_only_a_name_for_its_system(company, tmp_path):
    text = "order_id,ordered_at,status,currency,total\n1,2026-05-01,paid,JPY,900\n"
    path = written(tmp_path, "sales.csv", text)
    asked = add(company, path, "--yes")
    assert asked.exit_code == 2 and "feed orders" in asked.output and "--system" in asked.output
    assert add(company, path, "--system", "till", "--yes").exit_code == 0
    assert files_in(company) == {"till/orders/sales.csv"}


def test_what_a_mapping_must_know_is_asked_for_by_name(company, tmp_path):
    (company / "mappings" / "own.yml").write_text(OWN)
    path = written(tmp_path, "x.csv", "Nr,Sum\n1,900\n")
    asked = add(company, path, "--yes")
    assert asked.exit_code == 2
    assert "currency" in asked.output and "What the shop sells in." in asked.output
    told = add(company, path, "--yes", "--set", "currency=JPY")
    assert told.exit_code == 0 and "currency JPY" in told.output
    assert load_company(company).system("own").parameters == {"currency": "JPY"}


def test_a_parameter_that_is_no_yaml_is_named():
    with pytest.raises(ConfigError, match=r"--set q=\{: the value is no YAML"):
        parameters(["q={"])


def test_where_a_file_could_be_of_two_it_is_asked_which(company, tmp_path):
    for name in ("own", "other"):
        text = OWN.replace("parameter('currency')", "{constant: JPY}").replace(
            "parameters:\n  currency: {description: What the shop sells in.}\n", ""
        )
        (company / "mappings" / f"{name}.yml").write_text(text)
    path = written(tmp_path, "x.csv", "Nr,Sum\n1,900\n")
    asked = add(company, path, "--yes")
    assert asked.exit_code == 2 and "say which with --as" in asked.output
    assert add(company, path, "--as", "other", "--yes").exit_code == 0
    assert files_in(company) == {"other/lines/x.csv"}


def test_a_file_that_nobody_knows_gets_a_draft_which_is_not_used_by_itself(company, tmp_path):
    text = "Order No;Customer;Order Date;State;Currency;Grand Total;備考\n"
    text += "1;山田花子;2026/05/01 10:00;paid;JPY;900;秘密\n"
    path = written(tmp_path, "old till.csv", text, "cp932")
    drafted = add(company, path, "--system", "till", "--yes")
    assert drafted.exit_code == 1 and "mappings/till.yml" in drafted.output.replace("\n", "")
    assert not files_in(company)
    draft = (company / "mappings" / "till.yml").read_text()
    assert "山田花子" not in draft and "秘密" not in draft, "no value of a person is written down"
    read = yaml.safe_load(draft)
    assert read["files"]["old_till"]["encoding"] == "cp932"
    assert read["files"]["old_till"]["delimiter"] == ";"
    made = {name: source["column"] for name, source in read["feeds"]["orders"]["columns"].items()}
    assert made == {
        "order_id": "Order No",
        "customer_id": "Customer",
        "ordered_at": "Order Date",
        "status": "State",
        "currency": "Currency",
        "total": "Grand Total",
    }
    looked_at = add(company, path, "--system", "till", "--yes")
    assert looked_at.exit_code == 0 and "1 of 1 rows arrive" in looked_at.output


def test_a_draft_says_what_the_feed_needs_and_the_file_lacks(company, tmp_path):
    path = written(tmp_path, "a.csv", "回答ID,お客様番号,回答日時,感想\n1,c1,2026-05-01,ok\n")
    assert add(company, path).exit_code == 1
    draft = (company / "mappings" / "a.yml").read_text()
    assert "  responses:" in draft and "# survey_id: ?  # needed" in draft and "'感想'" in draft
    again = add(company, path, "--yes")
    assert again.exit_code == 2 and "responses needs survey_id" in again.output


def test_a_wrong_mapping_of_ones_own_does_not_hide_what_others_know(company):
    (company / "mappings" / "own.yml").write_text("files: {}\n")
    assert add(company, SHOPIFY, "--yes").exit_code == 0


def test_a_file_that_cannot_be_read_is_named_and_not_taken_in(company, tmp_path):
    shutil.copy(SHOPIFY, tmp_path / "export.zip")
    result = add(company, tmp_path / "export.zip", "--yes")
    assert result.exit_code == 1 and "export.zip: an archive" in result.output
    assert not files_in(company)
