{{ config(enabled=target.type == 'duckdb', materialized='table') }}
with

events as (

    select * from {{ source('web', 'web_events') }}

),

visitors as (

    select * from {{ ref('stg_web__touched_visitors') }}

),

touched as (

    select distinct
        events.system,
        events.event_id

    from events
    inner join visitors
        on events.system || ':' || events.anonymous_id = visitors.anonymous_key

)

select * from touched
