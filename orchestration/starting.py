"""Starting: a new company folder, in which everything is explained where it stands."""

import textwrap
from pathlib import Path

import yaml

from orchestration.company import CONFIG, Settings, System

WIDTH = 88

SYSTEMS = """\
# What Kizuna must know of the systems that deliver, by the name of their folder in landing/.
# A system whose files are canonical feeds needs no entry.
# systems:
#   shop:
{keys}
"""

LANDING = """\
Exports come here, and are never changed:

    landing/<system>/<feed>/<any name>.<csv|tsv|jsonl|parquet|xlsx>[.gz|.zst]

<system> is a name of your choosing, <feed> one of:

{feeds}
"""

MAPPINGS = """\
One YAML file per export whose shape is not that of a feed: what its columns are called
here, which dates and values it uses, what to leave out. Name it after its system
(mappings/<system>.yml), or name it in company.yml.
"""

REFERENCE = """\
Small tables that people edit. A CSV file here replaces the one of the same name that
comes with Kizuna: {names}.
"""


class FolderNotEmpty(Exception):
    """There is a company already; the message says where."""


def start_company(folder: Path) -> None:
    """Make DIR with company.yml and its folders; never over one that is there."""
    from orchestration.contract import load_contract
    from orchestration.settings import REFERENCE as REFERENCE_FOLDER

    if (folder / CONFIG).exists():
        raise FolderNotEmpty(f"{folder / CONFIG} is there already; choose another folder")
    feeds = textwrap.fill(", ".join(feed.name for feed in load_contract()), WIDTH)
    names = ", ".join(sorted(path.name for path in REFERENCE_FOLDER.glob("*.csv")))
    for name, text in {
        "landing": LANDING.format(feeds=feeds),
        "mappings": MAPPINGS,
        "reference": textwrap.fill(REFERENCE.format(names=names), WIDTH) + "\n",
    }.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "README.txt").write_text(text, encoding="utf-8")
    (folder / CONFIG).write_text(_config(folder.resolve().name), encoding="utf-8")


def _config(name: str) -> str:
    """company.yml with every key and its default, each a comment until it is wanted."""
    parts = ["# What belongs to this company. A key that is left out has the value shown.\n"]
    for key, field in Settings.model_fields.items():
        default = name if key == "name" else field.get_default()
        line = yaml.safe_dump({key: default}, allow_unicode=True).strip().replace(": null", ":")
        parts.append(
            _comment(field.description or "") + ("" if key == "name" else "# ") + line + "\n"
        )
    examples = {
        "mapping": "shop.yml",
        "time_zone": "Asia/Tokyo",
        "delivery": "{products: full}",
        "ids_of": "{customer_id: crm}",
    }
    keys = "\n".join(
        f"#     {key}: {examples[key]}   # {field.description}"
        for key, field in System.model_fields.items()
    )
    return "\n".join([*parts, SYSTEMS.format(keys=keys)])


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, WIDTH))
