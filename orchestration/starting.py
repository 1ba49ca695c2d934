"""Starting: a new company folder, in which everything is explained where it stands."""

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel

from orchestration.company import CONFIG, Settings, System
from orchestration.contract import load_contract
from orchestration.live.config import SCHEMES, Postgres, Table
from orchestration.serving.config import Server
from orchestration.settings import REFERENCE

WIDTH = 88
GUIDE = "README.md"

SYSTEMS = """\
# What Kizuna must know of the systems that deliver, by the name of their folder in landing/.
# A system whose files are canonical feeds needs no entry.
# systems:
#   shop:
{keys}
#
# A system can also be fetched every night: {schemes}
# Secrets stand in the environment, never in this file. docs/live-sources.md has every key.
#   till:
#     fetch:
{fetch}
#       folders:
#         orders:   # a feed, or a folder that the system's mapping matches
{table}
#
# Who is alerted when a night fails, is held back by a check or finds changed columns, or when
# figures are late: docs/alerts.md.
# alerts:
#   webhook: ${{KIZUNA_WEBHOOK}}   # any address that understands Slack's
#   mail: {{host: smtp.example.com, user: kizuna, password: "${{SMTP_PASSWORD}}",
#     sender: kizuna@example.com, to: [owner@example.com]}}
#
# A PostgreSQL database of its own can show the marts beside the published files.
# serving:
#   postgres:
{server}
"""

README = """\
# {name}

- `company.yml`: the settings, and what there is to know of the systems that deliver.
- `landing/`: exports come here as they are, and are never changed:
  `landing/<system>/<feed>/<any name>.<csv|tsv|jsonl|parquet|xlsx>[.gz|.zst]`, where the
  system is a name of your choosing and the feed one of
{feeds}.
- `mappings/`: one YAML file per export whose shape is not that of a feed: what its columns
  are called here, which dates and values it uses, what to leave out. It is found by its name
  (`mappings/<system>.yml`), or named in `company.yml`.
- `reference/`: small tables that people edit. A CSV file here replaces the one of the same
  name that comes with Kizuna:
{references}.
- `data/`: what the nights make. BI reads `data/current/kizuna.duckdb`, schema `marts`.

`kizuna night --company .` runs a night.
"""


class CompanyExists(Exception):
    """There is a company already; the message says where."""


def start_company(folder: Path) -> None:
    """Make DIR with company.yml, its README and its folders; never over one that is there."""
    for path in (folder / CONFIG, folder / GUIDE):
        if path.exists():
            raise CompanyExists(f"{path} is there already; choose another folder")
    name = folder.resolve().name
    for part in ("landing", "mappings", "reference"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / ".gitkeep").touch()
    readme = README.format(
        name=name,
        feeds=_listed(feed.name for feed in load_contract()),
        references=_listed(sorted(path.name for path in REFERENCE.glob("*.csv"))),
    )
    (folder / GUIDE).write_text(readme, encoding="utf-8")
    (folder / CONFIG).write_text(_config(name), encoding="utf-8")


def _listed(names: Iterable[str]) -> str:
    text = ", ".join(f"`{name}`" for name in names)
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _config(name: str) -> str:
    """company.yml with every key and its default, each a comment until it is wanted."""
    parts = ["# What belongs to this company. A key that is left out has the value shown.\n"]
    for key, field in Settings.model_fields.items():
        default = name if key == "name" else field.get_default()
        style = None if isinstance(default, dict) else False
        line = yaml.safe_dump({key: default}, allow_unicode=True, default_flow_style=style)
        line = line.strip().replace(": null", ":")
        parts.append(
            _comment(field.description or "") + ("" if key == "name" else "# ") + line + "\n"
        )
    examples = {
        "mapping": "shop.yml",
        "parameters": "{currency: JPY}",
        "time_zone": "Asia/Tokyo",
        "delivery": "{products: full}",
        "ids_of": "{customer_id: crm}",
    }
    source = {
        "url": "postgresql://reader:${SHOP_DB_PASSWORD}@db.example.com/shop",
        "policy": "required",
        "attempts": "3",
    }
    server = {
        "url": "postgresql://kizuna:${MARTS_PASSWORD}@db.example.com/marts",
        "max_seconds": "600",
        "reader_seconds": "60",
    }
    table = {"table": "sales.orders", "cursor": "updated_at"}
    systems = SYSTEMS.format(
        schemes=", ".join(SCHEMES),
        keys=_keys(System, examples, "#     "),
        fetch=_keys(Postgres, source, "#       "),
        table=_keys(Table, table, "#           "),
        server=_keys(Server, server, "#     "),
    )
    return "\n".join([*parts, systems])


def _keys(model: type[BaseModel], examples: Mapping[str, str], margin: str) -> str:
    """The keys for which there is an example, each with what it says."""
    return "\n".join(
        f"{margin}{key}: {examples[key]}   # {field.description}"
        for key, field in model.model_fields.items()
        if key in examples
    )


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, WIDTH))
