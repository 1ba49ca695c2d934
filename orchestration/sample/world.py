"""What all made-up customers share: the calendar and its seasons, products, stores, campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from orchestration.sample import truths
from orchestration.sample.columns import SECONDS_A_DAY, Floats, Ints, Moments, hours

WARM_UP_DAYS = 1100  # the shop is older than its exports: habits have settled when they begin
BEYOND = 1e5  # a day that never comes

# Topics of the random streams; a change in one leaves the others as they were.
(
    PEOPLE, PURCHASES, ITEMS, SERVICE, CONTRACTS, SURVEYS, MESSAGES, VISITS, COMMUNITY, COMPANY,
    EXPERIMENTS, SPOILING, POS,
) = range(13)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A product line: its members are grades that replace each other."""

    name: str
    category: str
    base_price: int
    reference_factor: float  # what rivals ask, against the list price
    weight: float


FAMILIES: tuple[Family, ...] = (
    Family("ハウスブレンド", "コーヒー豆", 1180, 1.02, 14),
    Family("シングルオリジン", "コーヒー豆", 1680, 0.97, 9),
    Family("煎茶", "お茶", 980, 1.05, 8),
    Family("和紅茶", "お茶", 1280, 0.98, 5),
    Family("マグカップ", "食器", 2200, 1.04, 7),
    Family("土鍋", "食器", 6800, 1.10, 3),
    Family("ドリッパー", "器具", 2400, 1.00, 6),
    Family("電動ミル", "器具", 9800, 0.96, 2),
    Family("焼き菓子", "お菓子", 1450, 1.06, 10),
    Family("和菓子", "お菓子", 1200, 0.99, 7),
    Family("ギフトセット", "ギフト", 4500, 1.03, 6),
    Family("リネンクロス", "雑貨", 1600, 1.01, 5),
    Family("エプロン", "雑貨", 3900, 1.08, 3),
    Family("絵本", "本", 1700, 1.00, 3),
)
GRADES = ("", "プレミアム", "極み")
GRADE_FACTORS = np.array([1.0, 1.45, 2.1])
CATEGORIES: tuple[str, ...] = tuple(dict.fromkeys(f.category for f in FAMILIES))
PRICE_RISES = np.array([1.0, 1.04, 1.075])  # of the three price lists

STORES: tuple[tuple[str, str], ...] = (
    ("S01", "東京都"), ("S02", "神奈川県"), ("S03", "大阪府"), ("S04", "愛知県"), ("S05", "福岡県"),
    ("S06", "北海道"), ("S07", "宮城県"), ("S08", "広島県"),
)  # fmt: skip
DEPARTMENTS = ("店舗運営", "カスタマーサポート", "マーケティング", "物流", "商品企画")
ACQUISITION_CHANNELS = (
    "organic_search", "paid_social", "paid_search", "referral", "store", "line", "email", "display",
)  # fmt: skip


@dataclass(frozen=True)
class Campaigns:
    """The campaigns, as columns: sendings to customers first, then those that win new ones."""

    campaign_id: tuple[str, ...]
    name: tuple[str, ...]
    channel: tuple[str, ...]
    objective: tuple[str, ...]
    experiment: tuple[int, ...]  # index into truths.EXPERIMENTS, -1 for none
    start: Floats
    end: Floats

    def where(self, **wanted: str) -> Ints:
        """Indices of the campaigns with these attributes."""
        return np.array(
            [
                i
                for i in range(len(self.campaign_id))
                if all(getattr(self, k)[i] == v for k, v in wanted.items())
            ],
            dtype=np.int64,
        )


@dataclass(frozen=True)
class World:
    """The calendar and the catalogue of one sample; day 0 is the first day at local midnight."""

    customers: int
    days: int
    seed: int
    last_day: date

    @property
    def first_day(self) -> date:
        return self.last_day - timedelta(days=self.days - 1)

    def rng(self, topic: int, chunk: int = -1) -> np.random.Generator:
        """The random stream of a topic for a chunk of customers (-1: the company's)."""
        return np.random.default_rng([self.seed, topic, chunk + 1])

    @property
    def is_small(self) -> bool:
        """Thin out what does not grow with the customers, so that a bundled sample stays small."""
        return self.customers < 5_000

    def moment(self, day: Floats) -> Moments:
        """Local wall-clock moments of day numbers; not-a-time for NaN."""
        day = np.asarray(day, dtype=float)
        known = np.isfinite(day)
        seconds = np.where(known, np.floor(np.where(known, day, 0) * SECONDS_A_DAY), 0)
        moments = np.datetime64(self.first_day, "s") + seconds.astype("timedelta64[s]")
        moments[~known] = np.datetime64("NaT")
        return moments

    def business_date(self, day: Floats) -> Moments:
        return self.moment(day).astype("datetime64[D]")

    @cached_property
    def _season(self) -> tuple[Floats, Floats]:
        """Day numbers and the cumulated season up to each of them."""
        day = np.arange(-WARM_UP_DAYS, self.days + 1)
        dates = np.datetime64(self.first_day, "D") + day[:-1].astype("timedelta64[D]")
        month = dates.astype("datetime64[M]").astype(int) % 12
        weekday = (dates.astype(int) + 3) % 7
        rate = np.array(truths.MONTH_SEASON)[month] * np.array(truths.WEEKDAY_SEASON)[weekday]
        rate = rate / (np.mean(truths.MONTH_SEASON) * np.mean(truths.WEEKDAY_SEASON))
        return day.astype(float), np.concatenate([[0.0], np.cumsum(rate)])

    def to_season(self, day: Floats) -> Floats:
        """Days counted in average season: a December day is longer than one in February."""
        grid, cumulated = self._season
        return np.interp(day, grid, cumulated)

    def from_season(self, season: Floats) -> Floats:
        """The inverse; a day that never comes where it lies after the last."""
        grid, cumulated = self._season
        return np.interp(season, cumulated, grid, right=BEYOND)

    def seasonal_days(self, rng: np.random.Generator, size: int, since: float = 0.0) -> Floats:
        """Moments between `since` and the end, drawn by season and hour of day."""
        low, high = self.to_season(np.array([since, float(self.days)]))
        drawn = low + rng.random(size) * (high - low) * 0.99999
        return np.floor(self.from_season(drawn)) + hours(rng, size)

    # ---- prices
    @cached_property
    def price_list_starts(self) -> Floats:
        return np.array(
            [-float(WARM_UP_DAYS) - 100, np.floor(self.days * 0.3), np.floor(self.days * 0.75)]
        )

    @cached_property
    def list_prices(self) -> Floats:
        """List price in yen by product (family × grade) and price list."""
        base = np.array([f.base_price for f in FAMILIES])
        raw = base[:, None, None] * GRADE_FACTORS[None, :, None] * PRICE_RISES[None, None, :]
        return (np.round(raw / 10) * 10).reshape(-1, len(PRICE_RISES))

    def price_list(self, day: Floats) -> Ints:
        return np.clip(np.searchsorted(self.price_list_starts, day, side="right") - 1, 0, None)

    # ---- campaigns
    @cached_property
    def campaigns(self) -> Campaigns:
        rows: list[tuple[str, str, str, int, float, float]] = []
        experiment_starts = {
            int(self.days * e.start_share): i for i, e in enumerate(truths.EXPERIMENTS)
        }
        for day in range(6, self.days - 3, 15):
            rows.append(("メールニュース", "email", "retention", -1, day + 10 / 24, day + 3))
        for day in range(12, self.days - 3, 21):
            rows.append(("LINE配信", "line", "retention", -1, day + 19 / 24, day + 2))
        for start, index in experiment_starts.items():
            rows.append(("実験", "email", "retention", index, start + 10 / 24, start + 14))
        for number, day in enumerate(range(0, self.days, 61)):
            channel = ("paid_social", "paid_search", "display")[number % 3]
            rows.append(
                ("新規獲得広告", channel, "acquisition", -1, day, min(day + 75, self.days + 30))
            )
        for day in range(40, self.days, 180):
            rows.append(("店頭キャンペーン", "store", "acquisition", -1, day, day + 30))
        return Campaigns(
            campaign_id=tuple(f"CP{i + 1:03d}" for i in range(len(rows))),
            name=tuple(f"{r[0]} {i + 1}" for i, r in enumerate(rows)),
            channel=tuple(r[1] for r in rows),
            objective=tuple(r[2] for r in rows),
            experiment=tuple(r[3] for r in rows),
            start=np.array([r[4] for r in rows], dtype=float),
            end=np.array([r[5] for r in rows], dtype=float),
        )
