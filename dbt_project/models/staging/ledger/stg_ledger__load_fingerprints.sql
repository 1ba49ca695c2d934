{{ config(enabled=target.type == 'duckdb', materialized='table') }}
with

standing as (

    {{ standing_loads(source('ledger', 'loads')) }}

),

fingerprints as (

    select
        feed,
        load_id,
        {{ hash_of(['load_id', 'delivered_at', 'delivery']) }} as fingerprint,
        {{ end_of_as_of() }} as counted_until

    from standing

)

select * from fingerprints
