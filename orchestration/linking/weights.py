"""What it tells that two records agree, and how closely: the reviewed weights of the model.

Each level has m, how often two records of one human stand there, and u, how often two of
different humans do. They are estimates from how the fields come about, not fitted to any
company's data, so a night changes none of them.
"""

from typing import Any

# A name's frequency takes the place of u where the name is the same (a rare one tells more),
# but not below this: a name seen once may still be a common one.
RAREST_NAME = 0.001


def _level(
    label: str, sql: str, m: float, u: float, frequency_of: str | None = None
) -> dict[str, Any]:
    level = {
        "sql_condition": sql,
        "label_for_charts": label,
        "m_probability": m,
        "u_probability": u,
        "fix_m_probability": True,
        "fix_u_probability": True,
    }
    if frequency_of:
        level |= {
            "tf_adjustment_column": frequency_of,
            "tf_adjustment_weight": 1.0,
            "tf_minimum_u_value": RAREST_NAME,
        }
    return level


def _comparison(name: str, unknown: str, *levels: dict[str, Any]) -> dict[str, Any]:
    null = {"sql_condition": unknown, "label_for_charts": "unknown", "is_null_level": True}
    return {"output_column_name": name, "comparison_levels": [null, *levels]}


def _one_unknown(column: str) -> str:
    return f"{column}_l is null or {column}_r is null"


def _same(column: str) -> str:
    return f"{column}_l = {column}_r"


def _name(part: str, m_other: float) -> dict[str, Any]:
    """A family or given name: by kana where both give it, else as written in one script."""
    kana, name = f"{part}_name_kana", f"{part}_name"
    by_kana = f"({kana}_l is not null and {kana}_r is not null)"
    in_one_script = f"coalesce({part}_is_latin_l = {part}_is_latin_r, false)"
    m_typo, m_reading = 0.03, 0.02
    m_same = 1 - m_other - m_typo - m_reading
    return _comparison(
        f"{part}_name_by_either",
        f"not {by_kana} and not {in_one_script}",
        # common readings and surnames are shared by about one in a hundred
        _level("same kana", _same(kana), m_same, 0.005, kana),
        # 裕子 is ユウコ or ヒロコ: clerks guess; few different names share their characters
        _level("same characters, other kana", f"{by_kana} and {_same(name)}", m_reading, 0.002),
        _level("same as written", _same(name), m_same, 0.005, name),
        # one key beside the right one; short names differ by one sign in many other ways
        _level(
            "a typo",
            f"({by_kana} and {_typo(kana, 3)}) or (not {by_kana} and {_typo(name, 4)})",
            m_typo,
            0.01,
        ),
        _level("another", "ELSE", m_other, 0.978),
    )


def _typo(column: str, shortest: int) -> str:
    long = [f"length({column}_{side}) >= {shortest}" for side in "lr"]
    return " and ".join([f"levenshtein({column}_l, {column}_r) <= 1", *long])


def comparisons() -> list[dict[str, Any]]:
    """The fields that are compared, as Splink takes them."""
    return [
        # who marries may take another family name
        _name("family", 0.06),
        # a given name stays; else it is a nickname, or a name in two scripts
        _name("given", 0.02),
        _comparison(
            "birth_date",
            _one_unknown("birth_date"),
            # about 20,000 dates are in use, evenly enough
            _level("same", _same("birth_date"), 0.95, 0.00005),
            # one digit misread, some thirty dates of these 20,000
            _level("one digit off", "levenshtein(birth_date_l, birth_date_r) <= 1", 0.03, 0.0015),
            _level("another", "ELSE", 0.02, 0.99845),
        ),
        _comparison(
            "postal_code",
            _one_unknown("postal_code"),
            # of 120,000 codes those in towns hold some thousand people each
            _level("same", _same("postal_code"), 0.75, 0.0002),
            _level(
                "same area",
                _same("area"),
                0.08,
                0.006,
            ),
            # who moved
            _level("another", "ELSE", 0.17, 0.9938),
        ),
        _comparison(
            "phone",
            _one_unknown("phone"),
            # a household's few records of all, so it is no weaker than one in 100,000
            _level("same", _same("phone"), 0.6, 0.00001),
            _level("one digit off", "levenshtein(phone_l, phone_r) <= 1", 0.03, 0.00003),
            # landline and mobile, old number and new
            _level("another", "ELSE", 0.37, 0.99996),
        ),
        _comparison(
            "email",
            _one_unknown("email"),
            _level("same", _same("email"), 0.5, 0.00001),
            _level("a typo", "levenshtein(email_l, email_r) <= 1", 0.03, 0.00003),
            _level(
                "same before the @",
                _same("mailbox"),
                0.05,
                0.0003,
            ),
            # one for the shop, one for work
            _level("another", "ELSE", 0.42, 0.99966),
        ),
    ]


# Pairs are compared where they agree on one of these; a human's records that agree on none
# are not found. Common enough to find who moved, married or is misspelt; rare enough that a
# million records make few pairs.
BLOCKS = (
    ("phone",),
    ("email",),
    ("birth_date", "given_name_kana"),
    ("birth_date", "family_name_kana"),
    ("birth_date", "given_name"),
    ("birth_date", "family_name"),
    ("birth_date", "postal_code"),
    ("postal_code", "family_name_kana"),
    ("postal_code", "given_name_kana"),
    ("postal_code", "family_name"),
    ("postal_code", "given_name"),
    ("family_name_kana", "given_name_kana", "area"),
    ("family_name", "given_name", "area"),
)
