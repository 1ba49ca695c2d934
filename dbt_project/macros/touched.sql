{#- A night may go on in the warehouse of the one before it: of a table that is `kept_by` a model of
    touched persons, or visitors, each of whose rows is made of nothing but rows of its person, it
    then makes the rows of those anew, and of nobody, and leaves all others as they are. -#}

{#- Whether it does; while the project is parsed everything that it would read is named. -#}
{% macro builds_on_before() %}
{{ return(target.type == 'duckdb' and (not execute or var('builds_on_before', false))) }}
{% endmacro %}

{#- The rows of a model that are of touched persons, or of nobody; all of them where everything
    is made anew. `key` is the column that says whose a row is. -#}
{% macro touched(model, by, key='person_key') -%}
{%- if builds_on_before() -%}
(
        select * from {{ ref(model) }}
        where {{ key }} is null or {{ key }} in (select {{ key }} from {{ ref(by) }})
    ) as {{ model }}
{%- else -%}
{{ ref(model) }}
{%- endif -%}
{%- endmacro %}

{#- Make the rows of touched persons in a table anew; the rows that it then has. -#}
{% macro renew(relation, by, key, sql) %}
{% call statement('gone') -%}
    delete from {{ relation }}
    where {{ key }} is null or {{ key }} in (select {{ key }} from {{ ref(by) }})
{%- endcall %}
{% call statement('main') -%}
    insert into {{ relation }} {{ sql }}
{%- endcall %}
{{ return(run_query('select count(*) from ' ~ relation)[0][0]) }}
{% endmacro %}

{#- Fingerprints say what is touched by how they differ from those of the night before, which are
    set aside before anything is made. -#}
{% macro set_fingerprints_aside() %}
{%- if execute and builds_on_before() -%}
{%- for node in graph.nodes.values() if node.name[-13:] == '_fingerprints' %}
drop table if exists {{ node.schema }}.earlier_{{ node.name }};
alter table {{ node.schema }}.{{ node.name }} rename to earlier_{{ node.name }};
{%- endfor -%}
{%- endif -%}
{% endmacro %}

{#- The same of the night before, where there is one. -#}
{% macro set_aside(fingerprints) -%}
{{ fingerprints.schema }}.{{ 'earlier_' if builds_on_before() }}{{ fingerprints.identifier }}
{%- endmacro %}

{#- The loads of a feed that stand and did not the night before, or the other way round. -#}
{% macro changed_loads(feed_name) -%}
{%- set loads = ref('stg_ledger__load_fingerprints') -%}
select coalesce(now.load_id, earlier.load_id) as load_id
    from (select * from {{ loads }} where feed = '{{ feed_name }}') as now
    full join (select * from {{ set_aside(loads) }} where feed = '{{ feed_name }}') as earlier
        on now.load_id = earlier.load_id
    where now.fingerprint is distinct from earlier.fingerprint
{%- endmacro %}

{#- The keys of a feed of which such a load has a row; of children those of their parents. -#}
{% macro keys_of_changed_loads(source_name, feed_name) -%}
{%- if not execute -%}
select 1 as nothing from {{ source(source_name, feed_name) }}, {{ ref('stg_ledger__load_fingerprints') }}
{%- else -%}
{%- set feed = feed_contract(source_name, feed_name) -%}
{%- set meta = feed.config.meta -%}
{%- set key = ['system'] + meta['key'] -%}
{%- set by = ['system', meta['parent']] if meta['load'] == 'children' else key -%}
{%- set id = own_id(feed) -%}
with

delivered as (

    select * from {{ source(source_name, feed_name) }}

),

changed_loads as (

    {{ changed_loads(feed_name) }}

),

changed as (

    select distinct {{ by | join(', ') }}
    from delivered
    semi join changed_loads on delivered.load_id = changed_loads.load_id

),

touched as (

    select distinct
        {{ key | join(', ') }},
        {{ id_key(feed.columns[id]) }} as {{ id[:-3] }}_key

    from delivered
    semi join changed on {{ equal_join('delivered', 'changed', by) }}

)

select * from touched
{%- endif -%}
{%- endmacro %}

{#- The persons whose fingerprint is another than the night before. -#}
{% macro differing_persons(fingerprints) -%}
select coalesce(now.person_key, earlier.person_key) as person_key
    from {{ fingerprints }} as now
    full join {{ set_aside(fingerprints) }} as earlier on now.person_key = earlier.person_key
    where now.fingerprint is distinct from earlier.fingerprint
{%- endmacro %}

{#- A number that changes with anything that a row of `relation` says, but for how and when that
    was delivered. -#}
{% macro fingerprint_of(relation, alias, more=[]) -%}
{%- set delivery = ['source_file', 'source_row', 'delivered_at', 'stated_at', 'updated_at'] -%}
{%- set names = [] -%}
{%- if execute -%}
    {%- for column in adapter.get_columns_in_relation(relation)
        if column.name not in delivery -%}
        {%- do names.append(alias ~ '.' ~ column.name) -%}
    {%- endfor -%}
{%- endif -%}
{{ hash_of(names + more) }}
{%- endmacro %}
