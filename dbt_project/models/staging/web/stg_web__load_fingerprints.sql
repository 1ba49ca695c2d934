{{ config(enabled=target.type == 'duckdb', materialized='table') }}
with

standing as (

    {{ standing_loads(source('ledger', 'loads'), 'web_events') }}

),

fingerprints as (

    select
        load_id,
        {{ hash_of(['load_id', 'delivered_at', 'delivery']) }} as fingerprint,
        {{ end_of_as_of() }} as counted_until

    from standing

)

select * from fingerprints
