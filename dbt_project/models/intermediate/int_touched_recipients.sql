{{ config(enabled=target.type == 'duckdb') }}
with

touched as (

    {{ differing_persons(ref('int_recipient_fingerprints')) }}

)

select * from touched
