{#- One feed, typed and current: the newest delivered version of each key, every
    `…_id` beside its `…_key` (the id with the system that it is of), no personal
    data. Columns, key and kind of load come from the feed contract.

    A large feed is rather read three times than written down once. DuckDB forgets of a
    view's steps that they are `not materialized`, so the reading is spelled out each time.

    Of a feed with `touched_keys`, a model, a night that builds on the one before it has the rows
    of these keys alone: what is read of children is all of their parents.

    Newest is the greatest `updated_at`, else the time of delivery; ties go to the
    row whose columns, as text in declared order, sort last. -#}
{% macro stage(
    source_name, feed_name, every_version=false, private=false, is_large=false, keep_closed=false,
    touched_keys=none
) %}
{%- set relation = source(source_name, feed_name) -%}
{%- set loads = source('ledger', 'loads') -%}
{%- set is_part = touched_keys is not none and builds_on_before() -%}
{%- if not execute -%}
select 1 as nothing {{ 'from ' ~ ref(touched_keys) if is_part }}
{%- else -%}
{%- set feed = feed_contract(source_name, feed_name) -%}
{%- set meta = feed.config.meta -%}
{%- set columns = feed.columns.values() | list -%}
{%- set key = ['system'] + meta['key'] -%}
{%- set standing = 'standing' -%}
with

loads as (

    {{ standing_loads(loads, feed_name, keep_closed=every_version or keep_closed) }}

),

{% if is_part and meta['load'] == 'children' -%}
touched_parents as (

    select distinct feed.system, feed.{{ meta['parent'] }}
    from {{ relation }} as feed
    semi join {{ ref(touched_keys) }} as touched on {{ equal_join('feed', 'touched', key) }}

),

{% endif -%}
{% set delivered %}
    select
        {%- for column in columns %}
        feed.{{ column.name }},
        {%- endfor %}
        feed.updated_at,
        feed.system,
        feed.source_file,
        feed.source_row,
        loads.delivered_at,
        loads.delivery,
        coalesce(feed.updated_at, loads.delivered_at) as stated_at

    from {{ relation }} as feed
    inner join loads on feed.load_id = loads.load_id
    {%- if is_part and meta['load'] == 'children' %}
    semi join touched_parents
        on {{ equal_join('feed', 'touched_parents', ['system', meta['parent']]) }}
    {%- elif is_part %}
    semi join {{ ref(touched_keys) }} as touched
        on {{ equal_join('feed', 'touched', key) }}
    {%- endif %}
{% endset -%}
{% if is_large and meta['load'] != 'children' -%}
{%- set standing = '(' ~ delivered ~ ') as standing' -%}
{%- else -%}
delivered as (
{{ delivered }}
),
{% if meta['load'] == 'children' %}
{%- set parent = ['system', meta['parent']] %}
-- few parents come in two deliveries: only the rows of those are compared
contested as (

    select {{ parent | join(', ') }}
    from delivered
    group by {{ parent | join(', ') }}
    having min(delivery) <> max(delivery)

),

deliveries as (

    select
        {%- for name in parent %}
        delivered.{{ name }},
        {%- endfor %}
        delivered.delivery,
        max(delivered.stated_at) as stated_at,
        max({{ row_text(columns, 'delivered') }}) as greatest,
        min({{ row_text(columns, 'delivered') }}) as least

    from delivered
    inner join contested on {{ null_safe_join('delivered', 'contested', parent) }}
    group by
        {%- for name in parent %} delivered.{{ name }},{% endfor %} delivered.delivery

),

newest_deliveries as (

    select {{ parent | join(', ') }}, delivery
    from (
        select
            *,
            row_number() over (
                partition by {{ parent | join(', ') }}
                order by
                    stated_at desc, greatest desc, least desc, delivery desc
            ) as newness
        from deliveries
    ) as ranked
    where newness = 1

),

standing as (

    select delivered.*
    from delivered
    left join contested on {{ null_safe_join('delivered', 'contested', parent) }}
    where contested.system is null

    union all

    select delivered.*
    from delivered
    inner join newest_deliveries as newest
        on {{ null_safe_join('delivered', 'newest', parent + ['delivery']) }}

),
{%- else %}
standing as (

    select * from delivered

),
{%- endif %}
{%- endif %}
{%- set version = key + (['stated_at'] if every_version else []) %}
{%- set standing_version = [] %}
{%- for name in version %}{% do standing_version.append('standing.' ~ name) %}{% endfor %}

-- few keys are delivered twice: only rows that share their hash with others are sorted
repeated as (

    select {{ hash_of(version) }} as key_hash
    from {{ standing }}
    group by {{ hash_of(version) }}
    having count(*) > 1

),

current_rows as (

    select standing.*
    from {{ standing }}
    left join repeated on {{ hash_of(standing_version) }} = repeated.key_hash
    where repeated.key_hash is null

    union all

    select {{ (columns | map(attribute='name') | list + ['updated_at', 'system',
        'source_file', 'source_row', 'delivered_at', 'delivery', 'stated_at'])
        | join(', ') }}
    from (
        select
            standing.*,
            row_number() over (
                partition by {{ standing_version | join(', ') }}
                order by
                    standing.stated_at desc,
                    {%- for column in columns %}
                    cast(standing.{{ column.name }} as string) desc nulls last,
                    {%- endfor %}
                    standing.delivered_at desc, standing.source_file desc,
                    standing.source_row desc
            ) as newness
        from {{ standing }}
        inner join repeated on {{ hash_of(standing_version) }} = repeated.key_hash
    ) as ranked
    where newness = 1

),

keyed as (

    select
        {%- for column in columns if column.name[-3:] == '_id' %}
        {{ id_key(column) }} as {{ column.name[:-3] }}_key,
        {%- endfor %}
        {%- for column in columns if private or not is_private(column) %}
        {{ column.name }},
        {%- endfor %}
        updated_at,
        system,
        source_file,
        source_row,
        delivered_at,
        stated_at

    from current_rows

)

select * from keyed
{%- if is_part and meta['load'] == 'children' %}
semi join {{ ref(touched_keys) }} as touched on {{ equal_join('keyed', 'touched', key) }}
{%- endif -%}
{%- endif -%}
{% endmacro %}


{#- Personal data that is no token: it may be read by staging models alone. -#}
{% macro is_private(column) %}
{%- do return(column.config.meta.get('pii', false) and column.data_type not in ('string', 'text')) -%}
{% endmacro %}


{#- The contract of a feed, as declared in its source YAML. -#}
{% macro feed_contract(source_name, feed_name) %}
{%- do return(graph.sources['source.kizuna.' ~ source_name ~ '.' ~ feed_name]) -%}
{% endmacro %}


{#- The loads that still stand, of a feed or of all: not superseded by new content of the same
    file, nor closed by a later full export of the same system. -#}
{% macro standing_loads(loads, feed_name=none, keep_closed=false) %}
    select load_id, feed, delivered_at, delivery
    from (
        select
            *,
            max(case when is_full then delivered_at end) over (
                partition by system, feed
            ) as full_at
        from {{ loads }}
        where not is_superseded
            {%- if feed_name %} and feed = '{{ feed_name }}'{% endif %}
    ) as known
    {%- if not keep_closed %}
    where full_at is null or delivered_at >= full_at
    {%- endif %}
{%- endmacro %}


{#- The id column that a feed's rows are of: the first id of its key. -#}
{% macro own_id(feed) %}
{%- set ids = [] -%}
{%- for name in feed.config.meta['key'] if name[-3:] == '_id' -%}
    {%- do ids.append(name) -%}
{%- endfor -%}
{%- do return(ids[0]) -%}
{% endmacro %}


{#- An id with the system that it is of: ids of different systems never meet. -#}
{% macro id_key(column) %}
{%- set target = column.config.meta.get('id_of') -%}
{%- set known = {} -%}
{%- if target -%}
    {%- for node in graph.sources.values() if node.name == target -%}
        {%- do known.update(var('id_systems').get(own_id(node), {})) -%}
    {%- endfor -%}
{%- endif -%}
{{ key_of(column.name, known) }}
{%- endmacro %}


{#- An id behind the system that it is of: for a system whose ids are another's, `owners`
    names the other. -#}
{% macro key_of(id, owners, system='system') -%}
{%- if owners -%}
case {{ system }}
            {%- for user, owner in owners.items() %}
            when '{{ user }}' then '{{ owner }}'
            {%- endfor %}
            else {{ system }}
        end || ':' || {{ id }}
{%- else -%}
{{ system }} || ':' || {{ id }}
{%- endif -%}
{%- endmacro %}


{#- A row as one text: its declared columns in order. -#}
{% macro row_text(columns, relation) %}
{%- for column in columns -%}
coalesce(cast({{ relation }}.{{ column.name }} as string), '')
{%- if not loop.last %} || chr(31) || {% endif -%}
{%- endfor -%}
{% endmacro %}


{% macro equal_join(left, right, names) %}
{%- for name in names -%}
{{ left }}.{{ name }} = {{ right }}.{{ name }}
{%- if not loop.last %} and {% endif -%}
{%- endfor -%}
{% endmacro %}


{% macro null_safe_join(left, right, names) %}
{%- for name in names -%}
{{ left }}.{{ name }} is not distinct from {{ right }}.{{ name }}
{%- if not loop.last %} and {% endif -%}
{%- endfor -%}
{% endmacro %}
