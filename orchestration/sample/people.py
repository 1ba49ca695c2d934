"""Who the made-up humans are: names, places, habits, and what several systems keep of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sample import world as w
from orchestration.sample.columns import Bools, Floats, Ints, choose, ids, join, keep, sigmoid, take
from orchestration.sample.names import FAMILY_NAMES, FAR_PREFECTURES, GIVEN_NAMES, PREFECTURES

AGE_BANDS = ((18, 20, 4), (20, 30, 18), (30, 40, 25), (40, 50, 24), (50, 60, 17), (60, 80, 12))
NEVER = np.inf


@dataclass
class People:
    """The humans of one chunk, as columns; `number` counts over the whole sample from 0."""

    number: Ints
    created: Floats
    is_buyer: Bools
    affinity: Floats
    price_sensitivity: Floats
    family: Ints
    given: Ints
    birth: np.ndarray
    prefecture: Ints
    moved: Floats  # day of a move, infinite for none
    new_prefecture: Ints
    is_far: Bools
    has_email: Bools
    has_phone: Bools
    favourite: Ints  # category
    taste: Ints  # grade bought at first, 0..2
    store: Ints
    channel: Ints  # how won
    is_business: Bools
    in_crm: Bools
    in_pos: Bools
    has_second: Bools  # signed up twice in the CRM
    store_share: Floats
    is_app_user: Bools
    is_tracked: Bools
    takes_email: Bools
    takes_line: Bools
    allows_analytics: Bools
    allows_linking: Bools
    referrer: Ints  # index in the chunk, -1 for none
    habit_hour: Floats

    def __len__(self) -> int:
        return len(self.number)

    def crm_id(self, person: Ints, where: Bools | None = None) -> pa.Array:
        return ids("C", self.number[person], 7, where)

    def pos_id(self, person: Ints, where: Bools | None = None) -> pa.Array:
        return ids("P", self.number[person] * 3 + 11, 8, where)

    def second_id(self, person: Ints) -> pa.Array:
        return ids("C9", self.number[person], 7)

    def email(self, person: Ints, where: Bools | None = None) -> pa.Array:
        known = self.has_email[person] if where is None else self.has_email[person] & where
        handle = take(list(ROMAN), self.family[person] % len(ROMAN))
        domain = take(DOMAINS, self.number[person] % len(DOMAINS))
        own = join(handle, ids(".", self.number[person], 7), domain)
        shared = self.is_business[person] & (self.number[person] % 7 == 3)
        return keep(pc.if_else(pa.array(shared), SHARED_EMAIL, own), known)

    def phone(self, person: Ints) -> pa.Array:
        number = self.number[person]
        middle = ids("", (number * 7919) % 10000, 4)
        last = ids("", (number // 10000 * 31 + number * 104729) % 10000, 4)
        lead = take(["090", "080", "070"], number % 3)
        own = join(lead, "-", middle, "-", last)
        shared = number % 149 == 7
        return keep(pc.if_else(pa.array(shared), SHARED_PHONE, own), self.has_phone[person])

    def line_id(self, person: Ints) -> pa.Array:
        return ids("U", self.number[person] * 977 + 13, 12)

    def handle(self, person: Ints) -> pa.Array:
        return join(
            "@",
            take(list(ROMAN), self.family[person] % len(ROMAN)),
            ids("_", self.number[person], 7),
        )


# What many give for want of their own; it links nobody.
SHARED_EMAIL = "info@example.co.jp"
SHARED_PHONE = "03-5550-0100"
DOMAINS = ("@example.com", "@example.jp", "@mail.example.com", "@example.org", "@mail.example.jp")
ROMAN = (
    "sato", "suzuki", "takahashi", "tanaka", "ito", "watanabe", "yamamoto", "nakamura", "kobayashi",
    "kato", "yoshida", "yamada", "sasaki", "yamaguchi", "matsumoto", "inoue", "kimura", "hayashi",
    "saito", "shimizu",
)  # fmt: skip


def make_people(world: w.World, chunk: int, numbers: Ints) -> People:
    """The humans with these numbers."""
    rng = world.rng(w.PEOPLE, chunk)
    n = len(numbers)
    affinity = rng.normal(size=n)
    is_old = rng.random(n) < 0.45
    created = np.where(
        is_old,
        -rng.random(n) * (w.WARM_UP_DAYS - 5),
        world.seasonal_days(rng, n),
    )
    prefecture = choose(rng, [p.population for p in PREFECTURES], n)
    far = [i for i, p in enumerate(PREFECTURES) if p.name in FAR_PREFECTURES]
    in_pos = rng.random(n) < 0.20
    pos_only = in_pos & (rng.random(n) < 0.25)
    takes_email = rng.random(n) < 0.62
    is_app_user = (rng.random(n) < 0.08) & ~pos_only
    moves = rng.random(n) < 0.06
    since = np.maximum(created, 0)
    has_second = (rng.random(n) < 0.02) & ~pos_only
    people = People(
        number=numbers,
        created=created,
        is_buyer=rng.random(n) < 0.86,
        affinity=affinity,
        price_sensitivity=rng.random(n),
        family=choose(rng, 1 / (np.arange(len(FAMILY_NAMES)) + 6), n),
        given=rng.integers(0, len(GIVEN_NAMES), n),
        birth=_births(world, rng, n),
        prefecture=prefecture,
        moved=np.where(moves, since + rng.random(n) * (world.days - since), NEVER),
        new_prefecture=choose(rng, [p.population for p in PREFECTURES], n),
        is_far=np.isin(prefecture, far),
        has_email=(rng.random(n) < 0.95) & ~(pos_only & (rng.random(n) < 0.5)),
        has_phone=rng.random(n) < 0.8,
        favourite=choose(rng, _category_weights(), n),
        taste=choose(rng, [6, 3, 1], n),
        store=_nearest_store(prefecture, rng, n),
        channel=choose(rng, [30, 20, 14, 0, 12, 8, 6, 6], n),
        is_business=rng.random(n) < 0.07,
        in_crm=~pos_only,
        in_pos=in_pos,
        has_second=has_second,
        store_share=np.where(pos_only, 1.0, np.where(in_pos, 0.45, 0.0)),
        is_app_user=is_app_user,
        is_tracked=(rng.random(n) < 0.10) & ~pos_only,
        takes_email=takes_email,
        takes_line=rng.random(n) < 0.34,
        allows_analytics=rng.random(n) < 0.94,
        allows_linking=rng.random(n) < 0.5,
        referrer=np.full(n, -1),
        habit_hour=np.clip(rng.normal(20, 3, n), 6, 23.9),
    )
    people.takes_email &= people.has_email
    _refer(people, rng)
    return people


def _births(world: w.World, rng: np.random.Generator, n: int) -> np.ndarray:
    bands = np.array(AGE_BANDS, dtype=float)
    band = choose(rng, bands[:, 2], n)
    age_days = (bands[band, 0] + rng.random(n) * (bands[band, 1] - bands[band, 0])) * 365.25
    births = np.datetime64(world.last_day, "D") - age_days.astype("timedelta64[D]")
    births[rng.random(n) < 0.12] = np.datetime64("NaT")
    return births


def _category_weights() -> list[float]:
    return [sum(f.weight for f in w.FAMILIES if f.category == c) for c in w.CATEGORIES]


def _nearest_store(prefecture: Ints, rng: np.random.Generator, n: int) -> Ints:
    names = [p.name for p in PREFECTURES]
    of_prefecture = np.full(len(names), -1)
    for index, (_, home) in enumerate(w.STORES):
        of_prefecture[names.index(home)] = index
    own = of_prefecture[prefecture]
    return np.where(own >= 0, own, rng.integers(0, len(w.STORES), n))


def _refer(people: People, rng: np.random.Generator) -> None:
    """A share of the new people came by someone with affinity who was there before."""
    n = len(people)
    order = np.argsort(people.created, kind="stable")
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    referred = (people.created > 0) & (rng.random(n) < 0.13) & (rank > n // 4) & people.in_crm
    tries = order[(rng.random((3, n)) * np.maximum(rank, 1)).astype(np.int64)]
    best = tries[
        np.argmax(people.affinity[tries] + 2.0 * people.in_crm[tries], axis=0), np.arange(n)
    ]
    referred &= people.in_crm[best] & (best != np.arange(n))
    people.referrer = np.where(referred, best, -1)
    people.channel = np.where(referred, w.ACQUISITION_CHANNELS.index("referral"), people.channel)


def tier_of(orders: Ints) -> Ints:
    """Tier by the number of orders so far: 0 regular, 1 silver, 2 gold, 3 platinum."""
    return np.searchsorted([4, 9, 16], orders, side="right")


TIERS = ("regular", "silver", "gold", "platinum")


def crm_versions(
    world: w.World, people: People, chunk: int, tier_person: Ints, tier_day: Floats, tier: Ints
) -> dict[str, pa.Array | np.ndarray]:
    """The CRM's rows: one as created (or as the exports begin), one more for each change."""
    rng = world.rng(w.PEOPLE + 100, chunk)
    everyone = np.flatnonzero(people.in_crm)
    moved = everyone[np.isfinite(people.moved[everyone])]
    inside = people.in_crm[tier_person] & (tier_day > people.created[tier_person])
    person = np.concatenate([everyone, moved, tier_person[inside]])
    day = np.concatenate([people.created[everyone], people.moved[moved], tier_day[inside]])
    level = np.concatenate([np.zeros(len(everyone) + len(moved), np.int64), tier[inside]])
    order = np.lexsort((day, person))
    person, day, level = person[order], day[order], level[order]
    level = _running_max(person, level)
    # what changed before the exports begin is one row, as they begin
    is_last_before = (day < 0) & np.append((person[1:] != person[:-1]) | (day[1:] >= 0), True)
    shown = (day >= 0) | is_last_before
    person, day, level = person[shown], day[shown], level[shown]
    return _customer_columns(world, people, rng, person, day, level)


def _running_max(group: Ints, level: Ints) -> Ints:
    offset = group * 100
    return np.maximum.accumulate(offset + level) - offset


def _customer_columns(
    world: w.World,
    people: People,
    rng: np.random.Generator,
    person: Ints,
    day: Floats,
    level: Ints,
) -> dict[str, pa.Array | np.ndarray]:
    n = len(people)
    given_gender = np.array([{"f": 0, "m": 1}[g[2]] for g in GIVEN_NAMES])
    gender = np.where(rng.random(n) < 0.06, 2, given_gender[people.given])
    prefecture = np.where(
        day >= people.moved[person], people.new_prefecture[person], people.prefecture[person]
    )
    postal = np.array([p.postal for p in PREFECTURES])[prefecture]
    no_prefecture = (rng.random(n) < 0.03)[person]
    acquired_by = _winning_campaign(world, people)
    closed = np.where(rng.random(n) < 0.012, people.created + 60 + rng.random(n) * 500, np.nan)
    closed = np.where(closed < world.days, closed, np.nan)
    referrer = people.referrer[person]
    return {
        "customer_id": people.crm_id(person),
        "account_id": ids("A", people.number[person] // 2, 7, people.is_business[person]),
        "email": people.email(person),
        "phone": people.phone(person),
        "family_name": take([f[0] for f in FAMILY_NAMES], people.family[person]),
        "given_name": take([g[0] for g in GIVEN_NAMES], people.given[person]),
        "family_name_kana": take([f[2] for f in FAMILY_NAMES], people.family[person]),
        "given_name_kana": take([g[1] for g in GIVEN_NAMES], people.given[person]),
        "postal_code": join(
            ids("", postal, 3), "-", ids("", (people.number[person] * 37) % 10000, 4)
        ),
        "birth_date": people.birth[person],
        "gender": take(["female", "male", None], gender[person]),
        "prefecture": take([p.name for p in PREFECTURES], prefecture, ~no_prefecture),
        "acquisition_channel": take(w.ACQUISITION_CHANNELS, people.channel[person]),
        "acquisition_campaign_id": take(
            world.campaigns.campaign_id,
            np.maximum(acquired_by, 0)[person],
            (acquired_by >= 0)[person],
        ),
        "referred_by_customer_id": people.crm_id(np.maximum(referrer, 0), referrer >= 0),
        "membership_tier": take(TIERS, level),
        "customer_segment": take(["consumer", "business"], people.is_business[person].astype(int)),
        "created_at": world.moment(people.created[person]),
        "deleted_at": world.moment(closed[person]),
        "updated_at": world.moment(day),
    }


def _winning_campaign(world: w.World, people: People) -> Ints:
    """The paid campaign that ran when a person came by its channel, -1 for none."""
    won_by = np.full(len(people), -1)
    campaigns = world.campaigns
    for channel in ("paid_social", "paid_search", "display", "store"):
        own = people.channel == w.ACQUISITION_CHANNELS.index(channel)
        for index in campaigns.where(channel=channel, objective="acquisition"):
            ran = (people.created >= campaigns.start[index]) & (
                people.created < campaigns.end[index]
            )
            won_by[own & ran] = index
    return won_by


# ---- the same human in another system, or twice in one
DUPLICATE_KINDS = (
    "same_email",
    "same_phone",
    "kanji_variant",
    "kana_only",
    "half_width_kana",
    "phone_without_hyphens",
    "no_birth_date",
    "married_name",
)


@dataclass
class Duplicates:
    """Records of humans who also stand in the CRM, with how they are spelt, and the pairs."""

    columns: dict[str, pa.Array | np.ndarray]
    person: Ints
    kind: Ints


def pos_customers(world: w.World, people: People, chunk: int) -> Duplicates:
    """The members of the stores' till, most of them also in the CRM under another spelling."""
    person = np.flatnonzero(people.in_pos)
    columns, kind = _other_spelling(world, people, chunk, person)
    created = np.minimum(people.created[person] + 5 * (person % 9), world.days - 0.5)
    return Duplicates(
        {"customer_id": people.pos_id(person), **columns, "created_at": world.moment(created)},
        person,
        kind,
    )


def second_signups(world: w.World, people: People, chunk: int) -> Duplicates:
    """People who signed up a second time in the CRM."""
    person = np.flatnonzero(people.has_second & (people.created < world.days - 60))
    columns, kind = _other_spelling(world, people, chunk + 1_000_000, person)
    created = np.maximum(people.created[person], 0) + 30
    columns |= {
        "acquisition_channel": take(w.ACQUISITION_CHANNELS, people.channel[person]),
        "membership_tier": take(TIERS, np.zeros(len(person), np.int64)),
        "customer_segment": take(["consumer"], np.zeros(len(person), np.int64)),
        "created_at": world.moment(created),
        "updated_at": world.moment(created),
    }
    return Duplicates({"customer_id": people.second_id(person), **columns}, person, kind)


def _other_spelling(
    world: w.World, people: People, chunk: int, person: Ints
) -> tuple[dict[str, pa.Array | np.ndarray], Ints]:
    rng = world.rng(w.POS, chunk)
    n = len(person)
    kind = choose(rng, [22, 20, 14, 8, 8, 14, 9, 5], n)
    is_kind = {name: kind == i for i, name in enumerate(DUPLICATE_KINDS)}
    families = np.where(
        is_kind["married_name"],
        (people.family[person] + 17) % len(FAMILY_NAMES),
        people.family[person],
    )
    kanji = take([f[0] for f in FAMILY_NAMES], families)
    variant = take([f[1] for f in FAMILY_NAMES], families)
    kana = take([f[2] for f in FAMILY_NAMES], families)
    given_kana = take([g[1] for g in GIVEN_NAMES], people.given[person])
    narrow = is_kind["half_width_kana"]
    given_names = take([g[0] for g in GIVEN_NAMES], people.given[person])
    same_email = is_kind["same_email"] | (is_kind["married_name"] & people.has_email[person])
    same_phone = (
        is_kind["same_phone"] | is_kind["phone_without_hyphens"] | is_kind["half_width_kana"]
    )
    phone = people.phone(person)
    phone = pc.if_else(
        pa.array(is_kind["phone_without_hyphens"]), pc.replace_substring(phone, "-", ""), phone
    )
    no_birth = is_kind["no_birth_date"] | ((rng.random(n) < 0.1) & (same_email | same_phone))
    birth = people.birth[person].copy()
    birth[no_birth] = np.datetime64("NaT")
    postal = np.array([p.postal for p in PREFECTURES])[people.prefecture[person]]
    email = people.email(person)
    loud = pa.array(rng.random(n) < 0.3)
    email = pc.if_else(loud, pc.utf8_upper(email), email)
    other_mail = join(
        take(list(ROMAN), people.family[person] % len(ROMAN)),
        ids("", people.number[person] * 13 + 7, 9),
        "@example.jp",
    )
    has_other = ~same_email & (rng.random(n) < 0.4)
    columns: dict[str, pa.Array | np.ndarray] = {
        "email": pc.if_else(pa.array(same_email), email, keep(other_mail, has_other)),
        "phone": keep(phone, same_phone | is_kind["no_birth_date"]),
        "family_name": keep(
            pc.if_else(pa.array(is_kind["kanji_variant"]), variant, kanji), ~is_kind["kana_only"]
        ),
        "given_name": keep(given_names, ~is_kind["kana_only"]),
        "family_name_kana": pc.if_else(
            pa.array(narrow), _half_width(families, FAMILY_NAMES, 2), kana
        ),
        "given_name_kana": pc.if_else(
            pa.array(narrow), _half_width(people.given[person], GIVEN_NAMES, 1), given_kana
        ),
        "postal_code": join(
            ids("", postal, 3), "-", ids("", (people.number[person] * 37) % 10000, 4)
        ),
        "birth_date": birth,
        "gender": take(
            ["F", "M"],
            np.array([g[2] == "m" for g in GIVEN_NAMES], dtype=int)[people.given[person]],
        ),
        "prefecture": take([p.name for p in PREFECTURES], people.prefecture[person]),
    }
    return columns, kind


_WIDE = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホ"
    "マミムメモヤユヨラリルレロワヲンッャュョー"
)
_NARROW = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｯｬｭｮｰ"
_VOICED = dict(zip("ガギグゲゴザジズゼゾダヂヅデドバビブベボ", "ｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎ", strict=True))
_HALF = dict(zip(_WIDE, _NARROW, strict=True)) | {k: v + "ﾞ" for k, v in _VOICED.items()}


def _half_width(index: Ints, names: tuple[tuple[str, str, str], ...], column: int) -> pa.Array:
    return take(["".join(_HALF.get(c, c) for c in row[column]) for row in names], index)


def receptive(people: People, person: Ints) -> Floats:
    """How readily a person answers and opens, as a factor around 1."""
    return 0.6 + 0.8 * sigmoid(people.affinity[person])
