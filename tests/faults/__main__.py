"""Every fault, every test of it, and a report: `make faults`, or `python -m tests.faults 3 17`."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "faults.md"
sys.path.insert(0, str(ROOT / "tests"))


class Watched:
    """What came of each test, as pytest goes along."""

    def __init__(self) -> None:
        self.reports: dict[str, list[pytest.TestReport]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.removeprefix("tests/").partition("[")[0]
            self.reports.setdefault(name, []).append(report)

    def of(self, tests: Iterable[str]) -> list[pytest.TestReport]:
        return [report for test in tests for report in self.reports.get(test, [])]


def told(reports: list[pytest.TestReport], key: str) -> list:
    return [value for report in reports for name, value in report.user_properties if name == key]


def line(fault, reports: list[pytest.TestReport]) -> str:
    """A row of the report."""
    counts = {kind: sum(one.outcome == kind for one in reports) for kind in OUTCOMES}
    result = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "not tested"
    failed = "; ".join(str(one.longrepr).splitlines()[-1] for one in reports if one.failed)
    seen = "; ".join(dict.fromkeys(told(reports, "seen")))
    mended = told(reports, "recovered_in")
    cells = [
        str(fault.number),
        fault.title,
        fault.expected,
        failed or seen or ("as expected" if counts["passed"] else "–"),
        result,
        f"{max(mended):.1f}" if mended else "–",
        f"{sum(one.duration for one in reports):.0f}",
    ]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


OUTCOMES = ("passed", "failed", "skipped")
HEADER = """\
| # | fault | expected | seen | tests | s to recover | s in all |
| --- | --- | --- | --- | --- | --- | --- |
"""


def main() -> int:
    from faults.table import FAULTS

    wanted = {int(number) for number in sys.argv[1:]}
    faults = [fault for fault in FAULTS if not wanted or fault.number in wanted]
    tests = [f"tests/{test}" for fault in faults for test in fault.tests]
    watched, began = Watched(), time.monotonic()
    code = pytest.main(["-q", "-m", "", *tests], plugins=[watched])
    rows = [line(fault, watched.of(fault.tests)) for fault in faults]
    took = f"{(time.monotonic() - began) / 60:.0f} minutes.\n"
    REPORT.write_text(HEADER + "\n".join(rows) + "\n\n" + took, encoding="utf-8")
    print(f"{REPORT}: {len(faults)} faults")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())
