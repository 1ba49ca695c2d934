"""Seconds of the night in which one more day arrives, by how long a history lies before it."""

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from benchmarks.machine import describe_machine
from orchestration.company import Company, load_company
from orchestration.running import run_night
from orchestration.sample import LAST_DAY, write_sample

ORDERS, EVENTS = 100, 2_000  # of the day that arrives
SEED = 11


def write_day(company: Company, day: date, customers: int) -> None:
    """One business date of orders, their lines and web events, from ids that the shop knows."""
    orders, lines, events = [], [], []
    for number in range(ORDERS):
        key, total = f"D{day:%Y%m%d}{number:05d}", 1000 + number
        customer = f"C{1 + number * 7 % customers:07d}"
        at = f"{day} {8 + number % 12:02d}:{number % 60:02d}:00"
        orders.append([key, customer, at, "completed", "ec", "JPY", total, total])
        lines.append([f"{key}-1", key, "P001", 1, total, total])
    for number in range(EVENTS):
        key, visitor = f"D{day:%Y%m%d}{number:06d}", f"A{number % (EVENTS // 5):06d}"
        at = f"{day} {8 + number % 12:02d}:{number % 60:02d}:00"
        events.append([key, visitor, at, "page_view", "web"])
    order = "order_id customer_id ordered_at status channel currency subtotal total"
    line = "order_item_id order_id product_id quantity unit_price line_total"
    event = "event_id anonymous_id occurred_at event_name platform"
    for folder, header, rows in (
        ("shop/orders", order, orders),
        ("shop/order_items", line, lines),
        ("web/web_events", event, events),
    ):
        path = company.landing / folder / f"day_{day}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header.split(), *rows])


def seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def night(company: Company, day: date, is_full: bool = False) -> float:
    """Seconds of a night, which must publish."""

    def run() -> None:
        outcome = run_night(company, day, is_full=is_full)
        assert outcome.run_id, outcome.problems

    return seconds(run)


def measure(folder: Path, days: int, customers: int) -> tuple[float, float, float]:
    """Seconds of a full night over so many days, of the next with one more day, and of one
    without news after it.
    """
    write_sample(folder, customers=customers, days=days, seed=SEED)
    company = load_company(folder)
    first = night(company, LAST_DAY)
    day = LAST_DAY + timedelta(days=1)
    write_day(company, day, customers)
    return first, night(company, day), night(company, day)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=60, help="of the shorter history")
    parser.add_argument("--times", type=int, default=16, help="as long is the longer one")
    parser.add_argument("--customers", type=int, default=2_000, help="of both")
    given = parser.parse_args()
    print(describe_machine())
    deltas = []
    for days in (given.days, given.days * given.times):
        with tempfile.TemporaryDirectory(prefix="delta-") as name:
            first, delta, nothing = measure(Path(name) / "shop", days, given.customers)
        deltas.append(delta)
        print(
            f"{days:,} days: first night {first:.1f} s, one more day {delta:.1f} s,"
            f" a night without news {nothing:.1f} s"
        )
    print(f"one more day on {given.times} times the history: {deltas[1] / deltas[0]:.2f} times")


if __name__ == "__main__":
    main()
