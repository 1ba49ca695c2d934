"""The tables of the ledger, and how an older release's become this one's."""

SCHEMA = """
create table files (
    path text primary key,
    size integer not null,
    stamp text not null,
    sha256 text not null
);
create table nights (
    delivered_at text primary key,
    as_of_date text not null,
    run_id text not null,
    is_closed integer not null
);
create table loads (
    number integer primary key,
    load_id text not null unique,
    night text not null references nights (delivered_at),
    system text not null,
    source text not null,
    feed text not null,
    file text not null,
    sha256 text not null,
    recipe text not null,
    delivered_at text not null,
    rows_in integer not null,
    rows_loaded integer not null,
    rows_quarantined integer not null,
    rows_duplicate integer not null,
    is_rejected integer not null,
    is_full integer not null,
    delivery text not null,
    header text,
    unknown_columns text
);
create table quarantined_rows (
    load_id text not null,
    run_id text not null,
    line integer,
    column_name text,
    value text,
    reason text not null
);
create index quarantined_rows_of_a_load on quarantined_rows (load_id);
create table runs (
    run_id text primary key,
    as_of_date text not null,
    status text not null,
    rows_in integer,
    rows_quarantined integer,
    rows_out integer,
    seconds real,
    started_at text,
    code_version text
);
create table checks (
    run_id text not null,
    as_of_date text not null,
    asset text not null,
    check_name text not null,
    kind text not null,
    severity text not null,
    passed integer not null,
    observed text,
    expected text
);
"""

# Of erasures, see orchestration/privacy/journal.py; an older release made them when it needed them.
JOURNAL = """
create table if not exists erasures (
    number integer primary key,
    request_id text,
    request_hash text unique,
    asked_by text not null,
    as_of_date text not null,
    stand_ins text not null,
    counts text,
    is_done integer not null
);
create table if not exists tombstones (
    kind text not null,
    hash text not null,
    stand_in text not null,
    number integer not null,
    primary key (kind, hash)
);
create table if not exists retentions (
    as_of_date text not null,
    feed text not null,
    older_than text not null,
    counts text not null
);
create table if not exists rewritten_files (
    path text not null,
    sha256 text not null,
    successor text not null,
    is_done integer not null,
    primary key (path, sha256)
);
"""

KEYS = """
create table if not exists keys (
    kind text primary key,
    id text not null,
    wrapped text
);
create table if not exists rotations (
    number integer primary key,
    as_of_date text not null,
    ids text not null,
    counts text,
    state text not null
);
"""

# What is owed until it is done: deliveries that brought erased persons back, to be written anew,
# and feeds of which what is too old is being emptied.
RETURNS = """
create table if not exists returned_deliveries (file text primary key);
create table if not exists retentions_begun (feed text primary key, row_count integer not null);
"""

# What the releases one after another made of the ledger; an older one's catches up, in order.
MIGRATIONS = (
    SCHEMA,
    "alter table loads add column raw_sha256 text",
    JOURNAL,
    KEYS,
    RETURNS,
)
VERSION = len(MIGRATIONS)
