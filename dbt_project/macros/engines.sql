{#- What DuckDB and Spark spell differently. Everything else in the models is the SQL
    that they share. Instants are naive timestamps in UTC on both. -#}

{#- The business date of an instant, or its date in another zone. -#}
{% macro business_date(instant, zone=none) -%}
{%- set zone = zone or var('business_timezone') -%}
{%- if target.type == 'spark' -%}
cast(from_utc_timestamp({{ instant }}, '{{ zone }}') as date)
{%- else -%}
cast(timezone('{{ zone }}', timezone('UTC', {{ instant }})) as date)
{%- endif -%}
{%- endmacro %}

{#- The instant at which a business date begins: the first of two midnights where an hour is
    repeated after midnight, of which DuckDB takes the second, and Spark the first. -#}
{% macro start_of(business_date) -%}
{%- set zone = var('business_timezone') -%}
{%- if target.type == 'spark' -%}
to_utc_timestamp(cast({{ business_date }} as timestamp), '{{ zone }}')
{%- else -%}
least(
    timezone('UTC', timezone('{{ zone }}', cast({{ business_date }} as timestamp))),
    timezone('UTC', timezone(
        '{{ zone }}', cast({{ business_date }} as timestamp) - interval 1 microsecond
    )) + interval 1 microsecond
)
{%- endif -%}
{%- endmacro %}

{#- Whole days, whole months and seconds. -#}
{% macro add_days(day, days) -%}
{%- if target.type == 'spark' -%}
date_add({{ day }}, cast({{ days }} as int))
{%- else -%}
({{ day }} + cast({{ days }} as integer))
{%- endif -%}
{%- endmacro %}

{% macro add_months(day, months) -%}
{%- if target.type == 'spark' -%}
cast(add_months({{ day }}, {{ months }}) as date)
{%- else -%}
cast({{ day }} + to_months(cast({{ months }} as integer)) as date)
{%- endif -%}
{%- endmacro %}

{% macro days_between(earlier, later) -%}
{%- if target.type == 'spark' -%}
datediff({{ later }}, {{ earlier }})
{%- else -%}
({{ later }} - {{ earlier }})
{%- endif -%}
{%- endmacro %}

{% macro seconds_between(earlier, later) -%}
{%- if target.type == 'spark' -%}
timestampdiff(microsecond, {{ earlier }}, {{ later }}) / cast(1000000 as double)
{%- else -%}
date_diff('microsecond', {{ earlier }}, {{ later }}) / cast(1000000 as double)
{%- endif -%}
{%- endmacro %}

{#- One row per date from `first` to `last`, both included; column `day`. -#}
{% macro each_day(first, last) -%}
{%- if target.type == 'spark' -%}
select explode(sequence({{ first }}, {{ last }}, interval 1 day)) as day
{%- else -%}
select cast(day as date) as day
from (
    select unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as day
) as series
{%- endif -%}
{%- endmacro %}

{#- The values that are not null, in order, as a comma separated text; null without any. -#}
{% macro ordered_list(value, position) -%}
{%- if target.type == 'spark' -%}
nullif(array_join(transform(
    array_sort(collect_list(case when ({{ value }}) is not null
        then struct({{ position }} as position, {{ value }} as value) end)),
    x -> x.value
), ', '), '')
{%- else -%}
string_agg({{ value }}, ', ' order by {{ position }})
{%- endif -%}
{%- endmacro %}

{#- Where a text first occurs in another, from 1. -#}
{% macro position_of(part, whole) -%}
{%- if target.type == 'spark' -%}instr({{ whole }}, {{ part }})
{%- else -%}strpos({{ whole }}, {{ part }})
{%- endif -%}
{%- endmacro %}

{#- Whole months between the first days of two months. -#}
{% macro months_between(earlier, later) -%}
((year({{ later }}) - year({{ earlier }})) * 12 + month({{ later }}) - month({{ earlier }}))
{%- endmacro %}

{#- On Spark a source is a table over its Parquet folder, whose files and columns are looked up
    once: of a view over the folder every reader would look them up anew. DuckDB reads the folder
    itself. -#}
{% macro register_sources() %}
{%- if execute and target.type == 'spark' -%}
{%- for schema in graph.sources.values() | map(attribute='schema') | unique -%}
    {%- do run_query('create schema if not exists ' ~ schema) -%}
{%- endfor -%}
{%- for node in graph.sources.values() -%}
    {%- set folder = env_var('KIZUNA_RAW', '../data/raw') ~ '/' ~ node.source_name ~ '/' ~ node.name
        ~ ('/load_id=ledger' if node.source_name == 'ledger' else '') -%}
    {%- set known = adapter.get_relation(node.database, node.schema, node.name) -%}
    {%- if known -%}{%- do adapter.drop_relation(known) -%}{%- endif -%}
    {%- do run_query(
        'create table ' ~ node.schema ~ '.' ~ node.name ~ " using parquet location '"
        ~ folder | replace("\\", "\\\\") | replace("'", "\\'") ~ "'"
    ) -%}
{%- endfor -%}
{%- endif -%}
{% endmacro %}

{#- Spark's Parquet tables hold no constraints: DuckDB, which every night of one machine
    runs on, enforces them. -#}
{% macro spark__persist_constraints(relation, model) %}{% endmacro %}

{#- Several columns as one value, compared in the order given: the least is the row
    that comes first, whole. `names` are those of its parts where not the columns'. -#}
{% macro record(columns, names=none) -%}
{%- set names = names or columns -%}
{%- if target.type == 'spark' -%}
named_struct({% for column in columns %}'{{ names[loop.index0] }}', {{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- else -%}
struct_pack({% for column in columns %}{{ names[loop.index0] }} := {{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- endif -%}
{%- endmacro %}

{#- The hour of an instant in the business zone, 0 to 23. -#}
{% macro business_hour(instant) -%}
{%- if target.type == 'spark' -%}
hour(from_utc_timestamp({{ instant }}, '{{ var("business_timezone") }}'))
{%- else -%}
hour(timezone('{{ var("business_timezone") }}', timezone('UTC', {{ instant }})))
{%- endif -%}
{%- endmacro %}

{#- A number that rows with equal columns share, and few others do. -#}
{% macro hash_of(columns) -%}
{{ 'xxhash64' if target.type == 'spark' else 'hash' }}({{ columns | join(', ') }})
{%- endmacro %}

{#- Between `as` and a step's bracket: DuckDB would otherwise write down a step that is
    read twice, with all its columns, and read no fewer than those. -#}
{% macro inlined() -%}
{{ '' if target.type == 'spark' else 'not materialized ' }}
{%- endmacro %}

{#- In a select list: one row per part of a comma separated text. -#}
{% macro each_part(text) -%}
{{ 'explode(split' if target.type == 'spark' else 'unnest(string_split' }}({{ text }}, ','))
{%- endmacro %}
