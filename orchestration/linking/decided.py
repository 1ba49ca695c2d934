"""What people decided of single ids, in reference/person_decisions.csv: it wins over everything."""

import csv
from dataclasses import dataclass

from orchestration.company import Company
from orchestration.configuration import ConfigError
from orchestration.linking.clusters import MANUAL, Edge

FILE = "person_decisions.csv"
COLUMNS = ("system", "customer_id", "other_system", "other_customer_id", "verdict", "reason")
SAME, DIFFERENT = "same", "different"


@dataclass(frozen=True)
class Decided:
    """Pairs that are one person, pairs that are not, and the line that names each id."""

    links: tuple[Edge, ...] = ()
    splits: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, int], ...] = ()


def read_decided(company: Company) -> Decided:
    """The company's decisions; ConfigError where one cannot be understood."""
    path = company.reference / FILE
    if not path.is_file():
        return Decided()
    links, splits, lines = {}, {}, []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        if (header := tuple(next(reader, ()))) != COLUMNS:
            wrong = next((c for c in header if c not in COLUMNS), None)
            missing = next((c for c in COLUMNS if c not in header), None)
            what = f"unknown column `{wrong}`" if wrong else f"no column `{missing}`"
            what = what if wrong or missing else "columns in another order"
            raise ConfigError(f"{path} line 1: {what}; it must be {','.join(COLUMNS)}")
        for row in filter(any, reader):
            where = f"{path} line {reader.line_num}"
            cells = [cell.strip() for cell in row]
            if len(cells) != len(COLUMNS) or not all(cells[:5]):
                raise ConfigError(f"{where}: needs {', '.join(COLUMNS[:5])}, and may give a reason")
            one, other = sorted((":".join(cells[:2]), ":".join(cells[2:4])))
            verdict = cells[4]
            if verdict not in (SAME, DIFFERENT):
                raise ConfigError(
                    f"{where}: `verdict` is {verdict!r}: write `{SAME}` or `{DIFFERENT}`"
                )
            if one == other:
                raise ConfigError(f"{where}: an id beside itself: {one}")
            mine, against = (links, splits) if verdict == SAME else (splits, links)
            if (one, other) in against:
                raise ConfigError(
                    f"{where}: line {against[one, other]} says the opposite of {one} and {other}"
                )
            mine.setdefault((one, other), reader.line_num)
            lines += [(one, reader.line_num), (other, reader.line_num)]
    return Decided(
        tuple(Edge(MANUAL, *pair) for pair in links), tuple(splits), tuple(lines)
    )  # fmt: skip
