{#- An event that is delivered again, as another visitor's even, touches all that it ever was of. -#}
{{ config(enabled=target.type == 'duckdb', materialized='table') }}
{%- set loads = ref('stg_ledger__load_fingerprints') -%}
with

events as (

    select
        system,
        event_id,
        anonymous_id,
        occurred_at,
        load_id

    from {{ source('web', 'web_events') }}

),

changed_loads as (

    {{ changed_loads('web_events') }}

),

-- days that count now and did not, or the other way round
days as (

    select
        least(max(counted_until), {{ end_of_as_of() }}) as begin_at,
        greatest(max(counted_until), {{ end_of_as_of() }}) as end_at

    from {{ set_aside(loads) }}

),

touched_events as (

    select events.system, events.event_id
    from events
    inner join changed_loads on events.load_id = changed_loads.load_id

    union

    select events.system, events.event_id
    from events
    inner join days on events.occurred_at >= days.begin_at and events.occurred_at < days.end_at

),

visitors as (

    select distinct events.system || ':' || events.anonymous_id as anonymous_key
    from events
    inner join touched_events
        on events.system = touched_events.system and events.event_id = touched_events.event_id

)

select * from visitors
