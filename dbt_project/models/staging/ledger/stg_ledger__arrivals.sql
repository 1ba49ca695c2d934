{#- Of a row with a new key nobody knew; of one with a known key another version was. -#}
{{ config(materialized='table') }}
{%- set feeds = [] -%}
{%- if execute -%}
    {%- for node in graph.sources.values() | sort(attribute='name')
        if node.source_name != 'ledger' -%}
        {%- do feeds.append(node) -%}
    {%- endfor -%}
{%- endif -%}
with

known_loads as (

    select load_id from {{ source('ledger', 'published_loads') }}

),

new_loads as (

    select loads.load_id
    from {{ source('ledger', 'loads') }} as loads
    left join known_loads on loads.load_id = known_loads.load_id
    where known_loads.load_id is null
        and not loads.is_superseded
        and exists (select 1 from known_loads)

),

{% for feed in feeds -%}
{%- set event_at = feed.config.meta.get('event_at') -%}
{%- set key = ['system'] + feed.config.meta['key'] -%}
new_{{ feed.name }} as (

    select
        {{ hash_of(key) }} as key_hash,
        {% if event_at == 'date' -%}
        max(date)
        {%- elif event_at -%}
        max({{ business_date(event_at) }})
        {%- else -%}
        cast(null as date)
        {%- endif %} as day

    from {{ source(feed.source_name, feed.name) }} as feed
    inner join new_loads on feed.load_id = new_loads.load_id
    group by {{ hash_of(key) }}

),

known_{{ feed.name }} as (

    select distinct {{ hash_of(key) }} as key_hash
    from {{ source(feed.source_name, feed.name) }} as feed
    inner join known_loads on feed.load_id = known_loads.load_id
    where {{ hash_of(key) }} in (select key_hash from new_{{ feed.name }})

),

{% endfor -%}
arrived as (

    {% for feed in feeds -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ feed.name }}' as feed,
        arrived.day,
        known.key_hash is not null as is_known

    from new_{{ feed.name }} as arrived
    left join known_{{ feed.name }} as known on arrived.key_hash = known.key_hash
    {% else -%}
    select
        cast(null as string) as feed, cast(null as date) as day, false as is_known
    {% endfor %}

),

counted as (

    select
        feed,
        day,
        sum(case when is_known then 0 else 1 end) as late_row_count,
        sum(case when is_known then 1 else 0 end) as corrected_row_count

    from arrived
    group by feed, day

)

select * from counted
