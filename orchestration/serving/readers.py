"""The two roles that may read the served marts, and nothing else."""

from collections.abc import Set
from contextlib import suppress

import psycopg
from psycopg import errors

from orchestration.ingest.duck import name
from orchestration.live.watermark import SourceError

KPI_READER = "kpi_reader"  # what is not about single persons
BI_READER = "bi_reader"  # everything that is current
READERS = f"{KPI_READER}, {BI_READER}"


def admit(connection: psycopg.Connection, seconds: int) -> None:
    """Make the roles if need be, and bound what their statements take.

    They log in themselves, for a setting of a role does not reach its members.
    """
    limits = {
        "statement_timeout": f"{seconds}s",
        "idle_in_transaction_session_timeout": f"{seconds}s",
        "TimeZone": "UTC",
    }
    for role in (KPI_READER, BI_READER):
        known = _settings(connection, role)
        wanted = [f"create role {role} login"] if known is None else []
        wanted += [
            f"alter role {role} set {key} = '{value}'"
            for key, value in limits.items()
            if f"{key}={value}" not in (known or ())
        ]
        for statement in wanted:
            try:
                connection.execute(statement)
            except errors.InsufficientPrivilege:
                raise SourceError(
                    f"this user may not make roles: let an administrator run `{'; '.join(wanted)}`"
                ) from None
    _close(connection)


def _settings(connection: psycopg.Connection, role: str) -> list[str] | None:
    """What is set for a role wherever it connects; None where there is no such role."""
    found = connection.execute(
        "select coalesce(setconfig, '{}') from pg_roles"
        " left join pg_db_role_setting on setrole = pg_roles.oid and setdatabase = 0"
        " where rolname = %s",
        [role],
    ).fetchone()
    return found[0] if found else None


def _close(connection: psycopg.Connection) -> None:
    """Let the roles in, and nobody by default make anything there, where the database is ours."""
    database, is_ours = connection.execute(
        "select datname, pg_has_role(datdba, 'usage') from pg_database"
        " where datname = current_database()"
    ).fetchone()
    if is_ours:
        connection.execute(f"grant connect on database {name(database)} to {READERS}")
        connection.execute(f"revoke create, temporary on database {name(database)} from public")
        with suppress(errors.InsufficientPrivilege, errors.InvalidSchemaName):
            connection.execute("revoke create on schema public from public")


def grant(connection: psycopg.Connection, schema: str, person_free: Set[str]) -> None:
    """Let the roles read what each may, whatever privileges new tables have by default."""
    everyone = f"from public, {READERS}"
    connection.execute(f"revoke all on schema {name(schema)} {everyone}")
    connection.execute(f"revoke all on all tables in schema {name(schema)} {everyone}")
    connection.execute(f"grant usage on schema {name(schema)} to {READERS}")
    connection.execute(f"grant select on all tables in schema {name(schema)} to {BI_READER}")
    tables = ", ".join(f"{name(schema)}.{name(table)}" for table in sorted(person_free))
    connection.execute(f"grant select on {tables} to {KPI_READER}")


def refuse_excess(connection: psycopg.Connection, schema: str, person_free: Set[str]) -> None:
    """Raise SourceError where a role may more than that, say as a member of another."""
    found = connection.execute(
        """
        select format('%%s may more than read its marts (`%%s`)', role, relname)
        from pg_class cross join unnest(%s::text[]) as role
        where relnamespace = to_regnamespace(%s) and relkind in ('r', 'v') and (
            has_table_privilege(role, pg_class.oid, 'insert, update, delete, truncate')
            or has_schema_privilege(role, relnamespace, 'create')
            or role = %s and relname <> all(%s)
            and has_table_privilege(role, pg_class.oid, 'select')
        )
        order by 1 limit 1
        """,
        [[KPI_READER, BI_READER], schema, KPI_READER, list(person_free)],
    ).fetchone()
    if found:
        raise SourceError(f"{found[0]}: take from it what it was given beside")
