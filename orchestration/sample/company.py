"""What the made-up company itself reports each day: SNS accounts and posts, ads and searches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from orchestration.sample import world as w
from orchestration.sample.columns import (
    Floats,
    Ints,
    choose,
    flags,
    hours,
    ids,
    keep,
    pick,
    run_lengths,
    take,
    whole,
)
from orchestration.sample.names import MENTION_TEXTS_BAD, MENTION_TEXTS_GOOD

Columns = dict[str, pa.Array | np.ndarray]
PLATFORMS = ("facebook", "instagram", "x", "line", "youtube")
FACEBOOK, INSTAGRAM, X, LINE, YOUTUBE = range(5)
ACCOUNTS = ("fb_shop", "ig_shop", "x_shop", "line_shop", "yt_shop")
FOLLOWERS = np.array([8_200, 21_500, 12_300, 15_800, 3_400])
GROWTH_A_YEAR = np.array([0.03, 0.28, 0.10, 0.22, 0.35])
CONTENT: tuple[tuple[str, ...], ...] = (
    ("photo", "link", "video"), ("photo", "reel", "carousel", "story"), ("text", "photo", "link"),
    ("text", "photo"), ("video", "live"),
)  # fmt: skip
HASHTAGS = (
    "コーヒー,おうちカフェ", "器,暮らし", "新商品", "ギフト,季節の贈りもの", "お茶,日本茶", None,
    "おうちカフェ,朝時間", "キャンペーン",
)  # fmt: skip
QUERIES = (
    "コーヒー豆 通販",
    "マグカップ おしゃれ",
    "煎茶 ギフト",
    "土鍋 おすすめ",
    "コーヒー 定期便",
    "焼き菓子 詰め合わせ",
    "電動ミル 比較",
    "kizuna coffee",
    "リネン エプロン",
    "和紅茶",
)
PAGES = (
    "/category/coffee", "/category/tableware", "/category/tea", "/category/tableware",
    "/subscription", "/category/sweets", "/journal/mill", "/", "/category/goods", "/category/tea",
)  # fmt: skip
SPAM_SHARE = 0.018  # of X's followers, removed by the platform on one day


def followers(world: w.World, day: Floats, platform: Ints) -> Ints:
    """Followers of an account at the end of a day."""
    grown = FOLLOWERS[platform] * (1 + GROWTH_A_YEAR[platform] * day / 365)
    removed = (platform == X) & (day >= np.floor(world.days * 0.6))
    return np.round(grown * np.where(removed, 1 - SPAM_SHARE, 1.0)).astype(np.int64)


def account_columns(world: w.World) -> Columns:
    """A reading per account and day; LINE with blocks and targeted reaches."""
    rng = world.rng(w.COMPANY, 0)
    platform, day = run_lengths(np.full(len(PLATFORMS), world.days))
    order = np.lexsort((platform, day))
    platform, day = platform[order], day[order]
    n = len(day)
    count = followers(world, day.astype(float), platform)
    is_line = platform == LINE
    blocks = np.round(count * (0.21 + 0.02 * day / world.days)).astype(np.int64)
    reach = np.round(count * 0.09 * rng.lognormal(0, 0.35, n)).astype(np.int64)
    shown = np.round(reach * rng.uniform(1.2, 1.8, n)).astype(np.int64)
    has_reach = (platform == FACEBOOK) | (platform == INSTAGRAM)
    return {
        "platform": take(PLATFORMS, platform),
        "account_id": take(ACCOUNTS, platform),
        "date": world.business_date(day),
        "followers": whole(count),
        "blocks": whole(blocks, is_line),
        "targeted_reaches": whole(np.round(count * 0.74), is_line),
        "reach": whole(reach, has_reach),
        "impressions": whole(shown, has_reach | (platform == X)),
    }


def posts(world: w.World) -> tuple[Columns, Columns]:
    """The posts and their growing lifetime readings."""
    rng = world.rng(w.COMPANY, 1)
    every = np.array([3.6, 2.4, 2.1, 7.0, 14.0]) * (1.0 if world.is_small else 0.6)
    counts = (world.days / every).astype(np.int64)
    platform, turn = run_lengths(counts)
    day = np.minimum(np.floor((turn + rng.random(len(turn))) * every[platform]), world.days - 1)
    day = day + hours(rng, len(day))
    order = np.argsort(day, kind="stable")
    platform, day = platform[order], day[order]
    n = len(day)
    number = np.arange(n) + 1
    lengths = np.array([len(c) for c in CONTENT])
    kind = rng.integers(0, lengths[platform])
    flat = [c for group in CONTENT for c in group]
    content = (np.cumsum(lengths) - lengths)[platform] + kind
    paid = rng.random(n) < 0.06
    campaigns = world.campaigns
    social = campaigns.where(channel="paid_social", objective="acquisition")
    at = np.searchsorted(campaigns.start[social], day, side="right") - 1
    linked = (at >= 0) & (rng.random(n) < 0.18)
    columns: Columns = {
        "platform": take(PLATFORMS, platform),
        "post_id": ids("PO", number, 6),
        "account_id": take(ACCOUNTS, platform),
        "posted_at": world.moment(day),
        "content_type": take(flat, content),
        "hashtags": pick(HASHTAGS, rng, n),
        "campaign_id": take(campaigns.campaign_id, social[np.maximum(at, 0)], linked)
        if len(social)
        else pa.nulls(n, pa.string()),
        "is_paid": flags(paid),
    }
    return columns, _readings(world, rng, platform, day, number, content, flat, paid)


def _readings(
    world: w.World,
    rng: np.random.Generator,
    platform: Ints,
    day: Floats,
    number: Ints,
    content: Ints,
    flat: list[str],
    paid: np.ndarray,
) -> Columns:
    """Lifetime figures that level off in weeks; better in the evening and with moving pictures."""
    ages = np.array([0, 1, 3, 7, 14, 28]) if world.is_small else np.arange(0, 29)
    n = len(day)
    moving = np.isin(content, [i for i, c in enumerate(flat) if c in ("video", "reel", "live")])
    evening = np.abs((day - np.floor(day)) * 24 - 20.5) < 2
    base = followers(world, day, platform) * np.array([0.16, 0.27, 0.20, 0.62, 0.30])[platform]
    reach = (
        base
        * rng.lognormal(0, 0.45, n)
        * np.where(moving, 1.35, 1.0)
        * np.where(evening, 1.15, 1.0)
        * np.where(paid, 2.2, 1.0)
    )
    rate = np.array([0.032, 0.048, 0.021, 0.012, 0.041])[platform] * rng.lognormal(0, 0.35, n)
    tempo = np.array([2.0, 2.6, 0.9, 0.8, 6.0])[platform]
    post, turn = run_lengths(np.full(n, len(ages)))
    age = ages[turn]
    date = np.floor(day[post]) + age
    known = date < world.days
    post, age, date = post[known], age[known], date[known]
    shown = (
        reach[post] * (1 - np.exp(-(age + 0.4) / tempo[post])) / (1 - np.exp(-28.4 / tempo[post]))
    )
    actions = shown * rate[post]
    of = platform[post]

    def part(amount: Floats, *platforms: int) -> pa.Array:
        return whole(np.floor(amount), np.isin(of, platforms))

    return {
        "platform": take(PLATFORMS, of),
        "post_id": ids("PO", number[post], 6),
        "date": world.business_date(date),
        "impressions": whole(np.floor(shown * 1.34)),
        "reach": part(shown, FACEBOOK, INSTAGRAM, LINE, YOUTUBE),
        "likes": part(actions * 0.86, FACEBOOK, INSTAGRAM, X, YOUTUBE),
        "comments": part(actions * 0.07, FACEBOOK, INSTAGRAM, X, YOUTUBE),
        "shares": part(actions * 0.07, FACEBOOK, INSTAGRAM, X),
        "saves": part(actions * 0.19, INSTAGRAM),
        "clicks": part(shown * 0.011, FACEBOOK, X, LINE),
        "follows": part(shown * 0.0012, INSTAGRAM, YOUTUBE),
        "video_views": keep(whole(np.floor(shown * 0.8)), moving[post]),
    }


def mention_columns(world: w.World) -> Columns:
    """Mentions by strangers, and reviews on a map service with stars."""
    rng = world.rng(w.COMPANY, 2)
    n = int(world.days * (0.9 if world.is_small else 6))
    platform = choose(rng, [4, 3, 3], n)
    day = np.sort(world.seasonal_days(rng, n))
    is_good = rng.random(n) < 0.78
    stars = np.where(is_good, 4 + (rng.random(n) < 0.55), 1 + rng.integers(0, 3, n))
    is_review = platform == 2
    return {
        "platform": take(["x", "instagram", "google_maps"], platform),
        "mention_id": ids("MN", np.arange(n) + 1, 7),
        "author_handle": ids("@user", rng.integers(0, n * 2, n), 6),
        "occurred_at": world.moment(day),
        "text": keep(
            pa.concat_arrays(
                [pick(MENTION_TEXTS_GOOD, rng, n), pick(MENTION_TEXTS_BAD, rng, n)]
            ).take(pa.array(np.where(is_good, np.arange(n), n + np.arange(n)))),
            rng.random(n) < 0.92,
        ),
        "rating": np.where(is_review, stars, np.nan).astype(float),
        "is_ugc": flags(np.where(platform == 1, rng.random(n) < 0.7, rng.random(n) < 0.15)),
    }


def ad_columns(world: w.World) -> Columns:
    """Two ads for each campaign that wins customers online, on each of its days."""
    rng = world.rng(w.COMPANY, 3)
    campaigns = world.campaigns
    online = np.concatenate(
        [
            campaigns.where(channel=c, objective="acquisition")
            for c in ("paid_social", "paid_search", "display")
        ]
    )
    first = np.ceil(np.maximum(campaigns.start[online], 0)).astype(np.int64)
    last = np.minimum(np.floor(campaigns.end[online]), world.days).astype(np.int64)
    place, turn = run_lengths(np.maximum(last - first, 0) * 2)
    day, ad = first[place] + turn // 2, turn % 2
    channel = np.array(
        [
            ("paid_social", "paid_search", "display").index(c)
            for c in np.array(campaigns.channel)[online]
        ]
    )[place]
    n = len(day)
    scale = world.customers / 600
    shown = np.round(
        np.array([2600, 700, 5200])[channel] * scale * rng.lognormal(0, 0.25, n)
    ).astype(np.int64)
    clicks = rng.binomial(shown, np.array([0.011, 0.042, 0.003])[channel])
    audience = np.round(np.array([42_000, 9_000, 90_000])[channel] * scale).astype(np.int64)
    cost = np.round(clicks * np.array([58.0, 42.0, 70.0])[channel] * rng.uniform(0.85, 1.15, n))
    order = np.lexsort((ad, place, day))
    columns: Columns = {
        "platform": take(["instagram", "google", "google_display"], channel),
        "campaign_id": take(campaigns.campaign_id, online[place]),
        "ad_id": ids("AD", online[place] * 10 + ad + 1, 5),
        "date": world.business_date(day),
        "impressions": whole(shown),
        "reach": whole(np.round(shown * 0.72), channel != 1),
        "clicks": whole(clicks),
        "conversions": whole(rng.binomial(clicks, 0.02)),
        "cost": cost,
        "currency": take(["JPY"], np.zeros(n, np.int64)),
        "audience_size": whole(audience, channel != 1),
    }
    return {
        k: v[order] if isinstance(v, np.ndarray) else v.take(pa.array(order))
        for k, v in columns.items()
    }


def search_columns(world: w.World) -> Columns:
    """Search results by query and day; positions get better over the time of the sample."""
    rng = world.rng(w.COMPANY, 4)
    queries = 6 if world.is_small else len(QUERIES)
    day, query = run_lengths(np.full(world.days, queries))
    n = len(day)
    position = np.array([8.4, 11.2, 6.1, 14.5, 4.2, 9.7, 7.3, 1.3, 12.0, 5.5])[query]
    position = np.maximum(position * (1.15 - 0.3 * day / world.days) + rng.normal(0, 0.4, n), 1.0)
    volume = (
        np.array([190, 120, 60, 80, 45, 70, 55, 30, 25, 40])[query]
        * max(world.customers / 600, 1) ** 0.5
    )
    shown = rng.poisson(volume)
    return {
        "site": take(["https://shop.example.jp/"], np.zeros(n, np.int64)),
        "query": take(QUERIES, query),
        "page": take(PAGES, query),
        "date": world.business_date(day),
        "impressions": whole(shown),
        "clicks": whole(rng.binomial(shown, np.clip(0.30 / position, 0, 0.3))),
        "average_position": np.round(position, 1),
    }
