"""Persons out of links: the strongest first, and none that would make two humans one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

MANUAL = "manual"
PROBABLE = "probable"
# From the strongest on. What stands before `email` holds whatever else is known of the two.
RULES = (
    MANUAL, "identities", "loyalty_card", "line_id", "sns_handle", "email", "phone", PROBABLE,
)  # fmt: skip
BY_FAMILIES = RULES.index("phone")  # from here on what a family may share


@dataclass(frozen=True)
class Edge:
    """A reason to take two ids for one person; `since` is the delivery of the later of them."""

    rule: str
    one: str
    other: str
    since: datetime | None = None
    probability: float = 1.0

    @property
    def order(self) -> tuple[int, float, str, str]:
        return RULES.index(self.rule), -self.probability, self.one, self.other

    def beside(self, key: str) -> str:
        """The other of the two ids."""
        return self.other if key == self.one else self.one


@dataclass(frozen=True)
class Name:
    """A name in kana and as it is written; either may be unknown."""

    kana: str | None = None
    written: str | None = None


@dataclass(frozen=True)
class Traits:
    """What tells humans apart: every birth date (ISO) and name that an id is known by."""

    births: tuple[str, ...] = ()
    given: tuple[Name, ...] = ()
    family: tuple[Name, ...] = ()

    def apart(self, other: "Traits") -> tuple[bool, bool, bool]:
        """Whether two ids are born, called and named apart: known of both, and in no spelling
        the same but for a typo.
        """
        return (
            _all_differ(self.births, other.births, _are_born_apart),
            _all_differ(self.given, other.given, _are_called_apart),
            _all_differ(self.family, other.family, _are_called_apart),
        )


NOBODY = Traits()


def _all_differ(mine: Sequence, theirs: Sequence, differ: Callable[..., bool | None]) -> bool:
    """Whether what can be compared differs in every pair."""
    told = {differ(one, other) for one in mine for other in theirs} - {None}
    return told == {True}


def _are_born_apart(one: str, other: str) -> bool:
    return not is_typo(one, other)


def _are_called_apart(one: Name, other: Name) -> bool | None:
    """None where one is known in kana alone and the other is not, or in another script."""
    by_kana = bool(one.kana and other.kana)
    as_written = bool(one.written and other.written) and _latin(one) == _latin(other)
    if (by_kana and one.kana == other.kana) or (as_written and one.written == other.written):
        return False
    if by_kana:
        # ショウタ and ショウヤ: a typo, or twins whose characters differ
        near = is_typo(one.kana, other.kana) and min(len(one.kana), len(other.kana)) >= 3
        return not near or as_written
    if as_written:
        near = is_typo(one.written, other.written)
        return not (near and min(len(one.written), len(other.written)) >= 4)
    return None


def _latin(name: Name) -> bool:
    return bool(name.written) and max(map(ord, name.written)) < 0x250


def is_typo(one: str, other: str) -> bool:
    """Whether a text becomes the other by one sign changed, left out, added or swapped."""
    if len(one) > len(other):
        one, other = other, one
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    mine, theirs = one[start:], other[start:]
    if len(mine) == len(theirs):
        swapped = mine[:2] == theirs[:2][::-1] and mine[2:] == theirs[2:]
        return mine[1:] == theirs[1:] or swapped
    return mine == theirs[1:]


@dataclass(frozen=True, order=True)
class Rank:
    """The order in which ids came: the first names the person, and keeps doing so."""

    delivered_at: datetime
    created_at: datetime
    key: str


@dataclass
class Cluster:
    """Ids that are one person, and the links that hold them together."""

    ids: list[str]
    links: list[Edge] = field(default_factory=list)


def find_clusters(
    edges: Iterable[Edge],
    splits: Iterable[tuple[str, str]],
    traits: Mapping[str, Traits],
    most: int,
) -> list[Cluster]:
    """The persons with several ids, at most `most` of them.

    Links are taken from the strongest on. One is left out where a person decided so (`splits`),
    where too many ids would come together, or where two of them are different humans: of birth
    date, given and family name two differ; phone and resemblance, which families share, nor link
    those of whom the birth date or the given name does.
    """
    of: dict[str, Cluster] = {}
    apart = defaultdict(set)
    for one, other in splits:
        apart[one].add(other)
        apart[other].add(one)
    for edge in sorted(edges, key=lambda edge: edge.order):
        left = of.setdefault(edge.one, Cluster([edge.one]))
        right = of.setdefault(edge.other, Cluster([edge.other]))
        if left is right or _part(edge, left, right, apart, traits, most):
            continue
        if len(left.ids) < len(right.ids):
            left, right = right, left
        left.ids += right.ids
        left.links += [*right.links, edge]
        of.update(dict.fromkeys(right.ids, left))
    found = {id(cluster): cluster for cluster in of.values() if cluster.links}
    return sorted(found.values(), key=lambda cluster: min(cluster.ids))


def _part(
    edge: Edge,
    left: Cluster,
    right: Cluster,
    apart: Mapping[str, set[str]],
    traits: Mapping[str, Traits],
    most: int,
) -> bool:
    if any(one in apart and not apart[one].isdisjoint(right.ids) for one in left.ids):
        return True
    if edge.rule == MANUAL:
        return False
    if len(left.ids) + len(right.ids) > most:
        return True
    strength = RULES.index(edge.rule)
    if strength < RULES.index("email"):
        return False
    for one in left.ids:
        for other in right.ids:
            born, called, named = traits.get(one, NOBODY).apart(traits.get(other, NOBODY))
            of_a_family = strength >= BY_FAMILIES and (born or called)
            if of_a_family or born + called + named > 1:
                return True
    return False


def paths(cluster: Cluster, first: str) -> dict[str, Edge]:
    """The link by which each id but `first` joined it, seen from `first` on."""
    beside: dict[str, list[Edge]] = defaultdict(list)
    for edge in cluster.links:
        beside[edge.one].append(edge)
        beside[edge.other].append(edge)
    joined: dict[str, Edge] = {}
    reached: list[str] = [first]
    for here in reached:
        for edge in beside[here]:
            there = edge.beside(here)
            if there != first and there not in joined:
                joined[there] = edge
                reached.append(there)
    return joined


def name_persons(
    clusters: Sequence[Cluster], ranks: Mapping[str, Rank]
) -> Iterable[tuple[str, str, Edge | None]]:
    """Each id of a cluster that anything names, its person's key, and the link that joined it.

    The key is the id that was delivered first, whatever came since.
    """
    for cluster in clusters:
        known = sorted(ranks[key] for key in cluster.ids if key in ranks)
        if len(known) < 2:
            continue
        first = known[0].key
        joined = paths(cluster, first)
        yield from ((rank.key, first, joined.get(rank.key)) for rank in known)
