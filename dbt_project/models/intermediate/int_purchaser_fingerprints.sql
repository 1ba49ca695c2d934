{#- Beside what their lines are made of: refunds with the category of the line that they name, be it
    another's, and whether a cut's ids have their system. -#}
{{ config(enabled=target.type == 'duckdb') }}
{%- set refunds, systems = ref('int_refunds'), ref('int_cut_systems') -%}
with

orders as (

    select * from {{ ref('int_orders') }}

),

refunds as (

    select * from {{ refunds }}

),

items as (

    select
        order_item_key,
        category

    from {{ ref('int_order_items') }}

),

systems as (

    select * from {{ systems }}

),

parts as (

    select
        refunds.person_key,
        {{ fingerprint_of(refunds, 'refunds', ['items.order_item_key', 'items.category']) }}
            as fingerprint

    from refunds
    left join items on refunds.order_item_key = items.order_item_key

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
