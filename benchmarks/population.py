"""Made-up humans in households, and the records that two systems keep of them, with the truth.

Names are made of random syllables by a law of frequencies like that of real ones: nothing here is
taken from the sample's generator, and nothing in the linking from here.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

SYLLABLES = list(
    "アイウエオカキクケコサシスセソタチツテトナニノハヒフヘホマミムメモヤユヨラリルレロワ"
)
CHARACTERS = [chr(code) for code in range(0x4E00 + 300, 0x4E00 + 1500)]
FAMILIES, GIVENS, CODES = 3000, 1500, 20_000
FIRST_BIRTH, BIRTHS = np.datetime64("1940-01-01"), 23_000
SHARED_EMAIL, SHARED_PHONE = "info@example.co.jp", "+81355500100"


@dataclass(frozen=True)
class Population:
    """`records` as the customers feed has them, with `system`; `human` of each by its place."""

    records: pa.Table
    human: np.ndarray


class _Names:
    """Kana and characters of a pool of names, the first the most frequent."""

    def __init__(self, rng: np.random.Generator, number: int, shift: float):
        lengths = rng.integers(2, 5, number)
        picked = rng.integers(0, len(SYLLABLES), (number, 4))
        self.kana = np.array(
            ["".join(SYLLABLES[i] for i in row[:n]) for row, n in zip(picked, lengths, strict=True)]
        )
        signs = rng.integers(0, len(CHARACTERS), (number, 3, 2))
        # each reading is written in three ways
        self.written = np.array(
            [["".join(CHARACTERS[i] for i in way) for way in ways] for ways in signs]
        )
        weights = 1 / (np.arange(number) + shift)
        self.weights = weights / weights.sum()

    def draw(self, rng: np.random.Generator, number: int) -> np.ndarray:
        return rng.choice(len(self.kana), number, p=self.weights)


def make_population(humans: int, seed: int) -> Population:
    """So many humans and about 1.4 records of each: in the CRM, most of the doubles in a till."""
    rng = np.random.default_rng(seed)
    family, given = _Names(rng, FAMILIES, 25), _Names(rng, GIVENS, 30)
    home = np.repeat(np.arange(humans), rng.integers(1, 5, humans))[:humans]
    place = np.arange(humans) - np.searchsorted(home, home)  # within the home
    homes = int(home[-1]) + 1
    last = family.draw(rng, homes)[home]
    first, way = given.draw(rng, humans), rng.integers(0, 3, humans)
    # parents, children a generation later; some are twins, some sons have their father's name
    born = rng.integers(0, BIRTHS // 2, homes)[home] + np.where(
        place < 2, rng.integers(-1500, 1500, humans), rng.integers(8000, 12000, humans)
    )
    born = np.clip(born, 0, BIRTHS - 1)
    before = np.maximum(np.arange(humans) - 1, 0)
    twin = (place == 3) & (rng.random(humans) < 0.05)
    born[twin] = born[before[twin]]
    father = np.searchsorted(home, home)
    named_after = (place == 2) & (rng.random(humans) < 0.02)
    first[named_after], way[named_after] = first[father[named_after]], way[father[named_after]]
    code = rng.integers(0, CODES, homes)[home]

    has_second = rng.random(humans) < 0.35
    third = has_second & (rng.random(humans) < 0.1)
    human = np.concatenate([np.arange(humans), np.flatnonzero(has_second), np.flatnonzero(third)])
    n = len(human)
    again = np.arange(n) >= humans

    def chance(share: float) -> np.ndarray:
        return rng.random(n) < share

    def when_again(share: float) -> np.ndarray:
        return again & chance(share)

    married = when_again(0.04)
    shown_last = np.where(married, family.draw(rng, n), last[human])
    last_kana, first_kana = family.kana[shown_last], given.kana[first[human]]
    typo = when_again(0.08)
    last_kana = np.where(typo & (human % 2 == 0), _misspelt(rng, last_kana), last_kana)
    first_kana = np.where(typo & (human % 2 == 1), _misspelt(rng, first_kana), first_kana)
    kana_only = when_again(0.25)
    written_only = ~kana_only & when_again(0.1)
    spelling = np.where(when_again(0.05), rng.integers(0, 3, n), way[human])
    birth = FIRST_BIRTH + np.where(when_again(0.03), born[human] + 1, born[human]).astype(
        "timedelta64[D]"
    )
    birth_text = np.where(chance(0.08) | when_again(0.06), None, birth.astype(str))
    moved = when_again(0.12)
    shown_code = np.where(moved, rng.integers(0, CODES, n), code[human])
    mobile = _numbered("+8190", (human * 7919) % 100_000_000, 8)
    landline = _numbered("+813", (home[human] * 104_729) % 100_000_000, 8)
    uses_landline = chance(0.2)
    phone = np.where(uses_landline, landline, mobile)
    phone = np.where(when_again(0.05), _numbered("+8180", rng.integers(0, 10**8, n), 8), phone)
    phone = np.where(chance(0.003), SHARED_PHONE, phone)
    email = _numbered("m", human, 8).astype(object) + "@example.jp"
    other = _numbered("x", rng.integers(0, 10**9, n), 9).astype(object) + "@example.com"
    email = np.where(when_again(0.5), other, email)
    email = np.where(chance(0.003), SHARED_EMAIL, email)
    columns = {
        "customer_id": _numbered("C", np.arange(n), 8),
        "email": np.where(chance(0.15) | when_again(0.2), None, email),
        "phone": np.where(chance(0.15) | when_again(0.15), None, phone),
        "family_name": np.where(kana_only, None, family.written[shown_last, 0]),
        "given_name": np.where(kana_only, None, given.written[first[human], spelling]),
        "family_name_kana": np.where(written_only, None, last_kana),
        "given_name_kana": np.where(written_only, None, first_kana),
        "postal_code": np.where(chance(0.04), None, _numbered("", shown_code * 37, 7)),
        "birth_date": birth_text,
        "system": np.where(again & (rng.random(n) < 0.9), "till", "crm"),
    }
    table = pa.table(
        {name: pa.array(values.tolist(), pa.string()) for name, values in columns.items()}
    )
    return Population(table, human)


def _numbered(lead: str, numbers: np.ndarray, digits: int) -> np.ndarray:
    return np.array([f"{lead}{number:0{digits}d}" for number in numbers.tolist()])


def _misspelt(rng: np.random.Generator, names: np.ndarray) -> np.ndarray:
    """Each name with one sign left out, doubled, swapped or another."""
    made = []
    for name, kind, at, sign in zip(
        names.tolist(),
        rng.integers(0, 4, len(names)).tolist(),
        rng.integers(0, 4, len(names)).tolist(),
        rng.integers(0, len(SYLLABLES), len(names)).tolist(),
        strict=True,
    ):
        at = at % len(name)
        forms = (
            name[:at] + name[at + 1 :],
            name[:at] + name[at] + name[at:],
            name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
            name[:at] + SYLLABLES[sign] + name[at + 1 :],
        )
        made.append(forms[kind])
    return np.array(made)
