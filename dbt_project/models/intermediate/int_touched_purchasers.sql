{{ config(enabled=target.type == 'duckdb') }}
with

touched as (

    select person_key
    from {{ ref('int_touched_persons') }}

    union

    {{ differing_persons(ref('int_purchaser_fingerprints')) }}

)

select * from touched
