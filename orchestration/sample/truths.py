"""What is planted in the sample: hazards, effects and drivers, as they go into planted.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Repurchase:
    """Hazard of the next order per day of average season, by days since the last and their number.

    Times exp(affinity_effect × affinity), times late_delivery_factor after a late order.
    """

    band_starts: tuple[int, ...] = (0, 30, 90, 180, 365)
    after_one: tuple[float, ...] = (0.0072, 0.0046, 0.0021, 0.0010, 0.0004)
    after_two_or_three: tuple[float, ...] = (0.0110, 0.0084, 0.0045, 0.0020, 0.0006)
    after_four: tuple[float, ...] = (0.0165, 0.0145, 0.0080, 0.0030, 0.0008)
    affinity_effect: float = 0.35
    late_delivery_factor: float = 0.65


@dataclass(frozen=True)
class Churn:
    """Monthly hazard of ending a contract, by months since its start.

    Times exp(affinity_effect × affinity), times bad_experience_factor when a bad experience
    (a late delivery, a ticket handled badly) lies in the bad_experience_days before.
    """

    band_starts: tuple[int, ...] = (0, 3, 12)
    monthly: tuple[float, ...] = (0.055, 0.034, 0.024)
    affinity_effect: float = -0.30
    bad_experience_factor: float = 2.2
    bad_experience_days: int = 90


@dataclass(frozen=True)
class Drivers:
    """The 0-10 score as a linear function of touchpoint answers before rounding."""

    intercept: float = 7.9
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "touchpoint_product": 0.95,
            "touchpoint_delivery": 0.80,
            "touchpoint_support": 0.50,
            "touchpoint_price": 0.30,
            "touchpoint_site": 0.10,
        }
    )
    centres: dict[str, float] = field(
        default_factory=lambda: {
            "touchpoint_product": 4.0,
            "touchpoint_delivery": 3.9,
            "touchpoint_support": 3.8,
            "touchpoint_price": 3.4,
            "touchpoint_site": 3.8,
        }
    )
    affinity_effect: float = 0.45
    noise: float = 1.15
    late_delivery_on_delivery_item: float = -1.3
    bad_ticket_on_support_item: float = -1.1
    good_ticket_on_support_item: float = 0.5
    experience_days: int = 120


@dataclass(frozen=True)
class Experiment:
    """A campaign's experiment: for each variant the share who order once more within 14 days."""

    experiment_id: str
    start_share: float  # of the days of the sample
    extra_order_rate: dict[str, float]


EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment("EXP01", 0.30, {"control": 0.0, "coupon_10": 0.05, "coupon_20": 0.10}),
    Experiment("EXP02", 0.55, {"control": 0.0, "new_subject_line": 0.0}),
    Experiment("EXP03", 0.85, {"control": 0.0, "free_shipping": 0.07}),
)

REPURCHASE = Repurchase()
CHURN = Churn()
DRIVERS = Drivers()
LATE_DELIVERY_RATE = 0.07
EMAIL_HUMAN_OPEN_RATE = 0.31
EMAIL_MACHINE_OPEN_RATE = 0.14
CONVERSION_RATE = 0.025
MONTH_SEASON = (0.95, 0.85, 1.0, 0.95, 0.95, 0.95, 1.05, 0.9, 0.95, 1.0, 1.15, 1.45)
WEEKDAY_SEASON = (0.95, 0.93, 0.93, 0.95, 1.0, 1.12, 1.17)  # from Monday


def declared() -> dict[str, object]:
    """Every planted parameter, for planted.json."""
    return {
        "repurchase": asdict(REPURCHASE),
        "churn": asdict(CHURN),
        "drivers": asdict(DRIVERS),
        "experiments": [asdict(e) for e in EXPERIMENTS],
        "late_delivery_rate": LATE_DELIVERY_RATE,
        "email_human_open_rate": EMAIL_HUMAN_OPEN_RATE,
        "email_machine_open_rate": EMAIL_MACHINE_OPEN_RATE,
        "conversion_rate": CONVERSION_RATE,
        "month_season": MONTH_SEASON,
        "weekday_season": WEEKDAY_SEASON,
    }
