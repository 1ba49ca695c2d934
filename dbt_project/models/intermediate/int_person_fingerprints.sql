{#- All that the lines of a person's orders are made of, as one number: the orders, the lines, every
    version of their products, the grades of these products' families, and the month's rates. -#}
{{ config(enabled=target.type == 'duckdb') }}
{%- set orders, items = ref('int_orders'), ref('stg_orders__order_items') -%}
{%- set products, grades = ref('int_products'), ref('int_family_grades') -%}
{%- set rates = ref('int_fx_rates') -%}
with

orders as (

    select * from {{ orders }}

),

items as (

    select * from {{ items }}

),

products as (

    select * from {{ products }}

),

grades as (

    select * from {{ grades }}

),

rates as (

    select * from {{ rates }}

),

family_fingerprints as (

    select
        product_family,
        sum({{ fingerprint_of(grades, 'grades') }}) as fingerprint

    from grades
    group by product_family

),

product_fingerprints as (

    select
        products.product_key,
        sum({{ fingerprint_of(products, 'products', ['family_fingerprints.fingerprint']) }}) as fingerprint

    from products
    left join family_fingerprints on products.product_family = family_fingerprints.product_family
    group by products.product_key

),

rate_fingerprints as (

    select
        month_start,
        sum({{ fingerprint_of(rates, 'rates') }}) as fingerprint

    from rates
    group by month_start

),

item_fingerprints as (

    select
        items.order_key,
        sum({{ fingerprint_of(items, 'items', ['product_fingerprints.fingerprint']) }}) as fingerprint

    from items
    left join product_fingerprints on items.product_key = product_fingerprints.product_key
    group by items.order_key

),

fingerprints as (

    select
        orders.person_key,
        sum({{ fingerprint_of(orders, 'orders', ['item_fingerprints.fingerprint', 'rate_fingerprints.fingerprint']) }}) as fingerprint

    from orders
    left join item_fingerprints on orders.order_key = item_fingerprints.order_key
    left join rate_fingerprints on orders.ordered_month = rate_fingerprints.month_start
    where orders.person_key is not null
    group by orders.person_key

)

select * from fingerprints
