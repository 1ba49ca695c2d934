"""What links source ids, read from raw: values that they share, and links that a feed tells."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest import duck
from orchestration.ledger import export_file
from orchestration.linking.clusters import Edge, Name, Rank, Traits
from orchestration.vault import Vault

# Identities that one human has, so that two ids with the same are one. A browser may be a
# household's, and `other` anything.
OWN = ("email", "phone", "sns_handle", "line_id", "loyalty_card")
# Of these, what joins a person to what they say elsewhere: no link without their consent.
BY_CONSENT = ("sns_handle", "line_id")
TOLD = "identities"
# What is compared as it is spelt: tokens in raw, values in the vault.
PLAIN = (
    "email", "phone", "family_name", "given_name", "family_name_kana", "given_name_kana",
    "postal_code",
)  # fmt: skip
# A date that more than this share of the ids were born on is what a form puts in by itself.
NO_BIRTH_DATE = 0.01
IDS = "(select count(distinct customer_key) from spelt)"
LATIN = "regexp_full_match({name}, '[\\x00-\\x{{24F}}]*')"


class Evidence:
    """The customers and identities that exist as of a day, in their versions of then."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        raw: Path,
        end: datetime,
        owners: Mapping[str, str],
        links_handles: bool,
    ):
        """`end` of the as-of date in UTC; `owners`: whose customer ids those of a system are;
        `links_handles`: whether an id that never spoke of it allows `sns_linking`.
        """
        self.links_handles = links_handles
        self.connection, self.raw, self.end, self.owners = connection, raw, end, owners
        loads = duck.path(export_file(raw, "loads"))
        self._do(
            f"create temp table loads as from read_parquet({loads}, hive_partitioning = false)"
        )
        self._do(f"""
            create temp table said as
            select
                said.system || ':' || said.customer_id as customer_key,
                said.email, said.phone, said.family_name, said.given_name,
                said.family_name_kana, said.given_name_kana, said.postal_code,
                said.birth_date, said.created_at, loads.delivered_at,
                coalesce(said.updated_at, loads.delivered_at) as stated_at
            from {self._rows("customers")} as said
            inner join loads using (load_id)
            where not loads.is_superseded
        """)
        # the newest row says when a customer began to exist
        self._do("""
            create temp table existing as
            select customer_key, min(stated_at) as first_stated_at
            from said
            group by customer_key
            having coalesce(
                arg_max(struct_pack(at := created_at), stated_at).at < $end, true
            )
        """)
        self._do("""
            create temp table in_force as
            select said.*
            from said
            inner join existing using (customer_key)
            where said.stated_at < $end or said.stated_at = existing.first_stated_at
        """)
        self._do(f"""
            create temp table linked as
            select
                {self._key("told.system", "told.customer_id")} as customer_key,
                told.identity_type as kind,
                coalesce(lower(trim(told.identity_system)), '') as place,
                {self._key("coalesce(told.identity_system, told.system)", "told.identity_value")}
                    as other_key,
                told.identity_value as value,
                min(loads.delivered_at) as delivered_at
            from {self._rows("identities")} as told
            inner join (
                select *,
                    max(case when is_full then delivered_at end) over (partition by system)
                        as full_at
                from loads where feed = 'identities' and not is_superseded
            ) as loads using (load_id)
            where coalesce(loads.delivered_at >= loads.full_at, true)
            group by all
            having coalesce(
                arg_max(
                    struct_pack(at := told.linked_at),
                    coalesce(told.updated_at, loads.delivered_at)
                ).at < $end, true
            )
        """)

        # the last word of each id; of a yes and a no of one instant the no
        self._do(f"""
            create temp table spoken as
            select
                {self._key("system", "customer_id")} as customer_key,
                arg_max(granted, struct_pack(at := recorded_at, no := not granted)) as is_allowed
            from (
                select said.*
                from {self._rows("consents")} as said
                inner join loads using (load_id)
                where not loads.is_superseded
                qualify row_number() over (
                    partition by said.system, said.consent_id
                    order by coalesce(said.updated_at, loads.delivered_at) desc, said.customer_id
                        desc, said.purpose desc, said.granted desc, said.recorded_at desc
                ) = 1
            )
            where purpose = 'sns_linking' and recorded_at < $end
            group by all
        """)

    def _do(self, sql: str, **values: object) -> duckdb.DuckDBPyConnection:
        given = {"end": self.end, **values}
        return self.connection.execute(sql, {k: v for k, v in given.items() if f"${k}" in sql})

    def _rows(self, feed_name: str) -> str:
        feed = feeds_by_name()[feed_name]
        files = f"{duck.path(self.raw / feed.source / feed.name)} || '/load_id=*/*.parquet'"
        return (
            f"read_parquet({files}, hive_partitioning = true, hive_types_autocast = false,"
            " union_by_name = true)"
        )

    def _key(self, system: str, source_id: str) -> str:
        """SQL for a customer id with the system that it is of."""
        whens = "".join(
            f" when {duck.text(named)} then {duck.text(owner)}"
            for named, owner in sorted(self.owners.items())
        )
        return (f"case {system}{whens} else {system} end" if whens else system) + (
            f" || ':' || {source_id}"
        )

    # ---- links

    def shared_values(self, most: int) -> Iterator[Edge]:
        """Pairs of ids that share a value which no more than `most` ids have; of e-mails those
        of every delivered row count.
        """
        rows = self._do(f"""
            with holders as (
                select kind, value, customer_key, min(delivered_at) as delivered_at
                from (
                    select 'email' as kind, email as value, customer_key, delivered_at
                    from said semi join existing using (customer_key)
                    union all
                    select 'phone', phone, customer_key, delivered_at from in_force
                    union all
                    select kind, case when kind in ('email', 'phone') then value
                        else place || chr(31) || value end, customer_key, delivered_at
                    from linked left join spoken using (customer_key)
                    where kind in ({duck.texts(OWN)}) and (
                        kind not in ({duck.texts(BY_CONSENT)})
                        or coalesce(spoken.is_allowed, {str(self.links_handles).lower()})
                    )
                )
                where value is not null
                group by all
            ),
            few as (
                select kind, value from holders group by all having count(*) between 2 and $most
            )
            select
                kind, one.customer_key, other.customer_key,
                min(greatest(one.delivered_at, other.delivered_at))
            from holders as one
            inner join few using (kind, value)
            inner join holders as other using (kind, value)
            where one.customer_key < other.customer_key
            group by all
        """, most=most)  # fmt: skip
        yield from (Edge(*row) for row in rows.fetchall())

    def told(self) -> Iterator[Edge]:
        """Pairs of customer ids that the identities feed calls one."""
        rows = self._do("""
            select customer_key, other_key, min(delivered_at)
            from linked
            where kind = 'customer_id' and customer_key <> other_key
            group by all
        """)
        yield from (Edge(TOLD, min(a, b), max(a, b), at) for a, b, at in rows.fetchall())

    # ---- what is known of ids

    def look_up(self, vault: Vault) -> None:
        """Learn the values of what is told of customers: before `traits` and `records`."""
        joins = "\n".join(
            f"left join vault.kept as {name} on in_force.{name} = {name}.token" for name in PLAIN
        )
        values = ", ".join(f"{name}.value as {name}" for name in PLAIN)
        with vault.opened(self.connection):
            self._do(f"""
                create temp table spelt as
                select in_force.customer_key, {values},
                    cast(in_force.birth_date as varchar) as birth_date,
                    min(in_force.delivered_at) as delivered_at
                from in_force
                {joins}
                group by all
            """)

    def records(self, most: int) -> pa.Table:
        """A row per spelling of an id that has a name, for resemblance to be judged by; without
        values that no more than `most` ids may share, and birth dates that are none.
        """
        names = ", ".join((*PLAIN, "birth_date"))
        columns = ", ".join(
            f"case when {name}_holders.value is null then {name} end as {name}"
            for name in ("phone", "email", "birth_date")
        )
        joins = "\n".join(
            f"left join ({self._shared_by_more(name, least)}) as {name}_holders"
            f" on {name} = {name}_holders.value"
            for name, least in (
                ("phone", str(most)),
                ("email", str(most)),
                ("birth_date", f"greatest({most}, {NO_BIRTH_DATE} * {IDS})"),
            )
        )
        return self._do(f"""
            with kept as (
                select customer_key, family_name, given_name, family_name_kana, given_name_kana,
                    postal_code, left(postal_code, 3) as area, delivered_at, {columns}
                from spelt
                {joins}
                where coalesce(family_name, given_name, family_name_kana, given_name_kana)
                    is not null
            )
            select
                row_number() over (
                    order by customer_key, {names}, delivered_at
                ) as unique_id, *,
                split_part(email, '@', 1) as mailbox,
                {LATIN.format(name="family_name")} as family_is_latin,
                {LATIN.format(name="given_name")} as given_is_latin
            from kept
            order by unique_id
        """).to_arrow_table()

    def _shared_by_more(self, name: str, most: str) -> str:
        return (
            f"select {name} as value from spelt group by {name}"
            f" having count(distinct customer_key) > {most}"
        )

    def traits(self, ids: Sequence[str]) -> dict[str, Traits]:
        """Birth dates and names of ids, to tell a father from his son."""
        self._among(ids)
        rows = self._do("""
            select
                customer_key,
                list(distinct birth_date order by birth_date)
                    filter (birth_date is not null),
                list(distinct [given_name_kana, given_name])
                    filter (coalesce(given_name_kana, given_name) is not null),
                list(distinct [family_name_kana, family_name])
                    filter (coalesce(family_name_kana, family_name) is not null)
            from spelt semi join members using (customer_key)
            group by customer_key
        """)
        return {
            key: Traits(
                tuple(births or ()),
                tuple(Name(*name) for name in given or ()),
                tuple(Name(*name) for name in family or ()),
            )
            for key, births, given, family in rows.fetchall()
        }

    def ranks(self, ids: Sequence[str]) -> dict[str, Rank]:
        """When each id was first delivered, by whatever feed, and when it was created; none for
        what nothing names by the as-of date.

        Also files that others replaced count: who has a name keeps it.
        """
        if not ids:
            return {}
        self._among(ids)
        firsts = [
            """
            select customer_key, min(loads.delivered_at) as delivered_at,
                min(created_at) as created_at
            from (
                select system || ':' || customer_id as customer_key, created_at, load_id
                from {rows}
            )
            semi join members using (customer_key)
            semi join existing using (customer_key)
            inner join loads using (load_id)
            group by customer_key
            """.format(rows=self._rows("customers"))
        ]
        for feed in feeds_by_name().values():
            firsts += [self._first(feed, c.name) for c in feed.columns if c.id_of == "customers"]
        rows = self._do(f"""
            select customer_key, min(delivered_at), min(created_at)
            from ({" union all ".join(firsts)})
            group by customer_key
        """)
        return {
            key: Rank(first, created or datetime.max, key)
            for key, first, created in rows.fetchall()
        }

    def _first(self, feed: Feed, column: str) -> str:
        at = feed.event_at or ("linked_at" if feed.name == "identities" else None)
        happened = f"{at} is null or {at} < $end" if at else "true"
        return f"""
            select customer_key, min(loads.delivered_at), null
            from (
                select {self._key("system", column)} as customer_key, load_id
                from {self._rows(feed.name)} where {happened}
            )
            semi join members using (customer_key)
            inner join loads using (load_id)
            group by customer_key
        """

    def _among(self, ids: Sequence[str]) -> None:
        self._do(
            "create or replace temp table members as select unnest($ids) as customer_key",
            ids=list(ids),
        )
