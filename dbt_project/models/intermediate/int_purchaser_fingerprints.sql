{#- Beside what their lines are made of: refunds, and whether a cut's ids have their system. -#}
{{ config(enabled=target.type == 'duckdb') }}
{%- set refunds, systems = ref('int_refunds'), ref('int_cut_systems') -%}
with

orders as (

    select * from {{ ref('int_orders') }}

),

refunds as (

    select * from {{ refunds }}

),

systems as (

    select * from {{ systems }}

),

parts as (

    select
        person_key,
        {{ fingerprint_of(refunds, 'refunds') }} as fingerprint

    from refunds

    union all

    select
        buyers.person_key,
        {{ fingerprint_of(systems, 'systems') }} as fingerprint

    from (select distinct person_key from orders) as buyers
    cross join systems

),

fingerprints as (

    select
        person_key,
        sum(fingerprint) as fingerprint

    from parts
    where person_key is not null
    group by person_key

)

select * from fingerprints
