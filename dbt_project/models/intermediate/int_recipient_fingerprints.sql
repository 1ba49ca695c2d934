{{ config(enabled=target.type == 'duckdb') }}
{%- set counts = ref('int_message_counts') -%}
with

counts as (

    select * from {{ counts }}

),

fingerprints as (

    select
        person_key,
        sum({{ fingerprint_of(counts, 'counts') }}) as fingerprint

    from counts
    where person_key is not null
    group by person_key

)

select * from fingerprints
