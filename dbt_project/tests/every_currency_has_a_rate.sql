-- A missing rate would quietly turn money into nothing: the night stops with its name.
with

orders as (

    select * from {{ ref('int_orders') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

missing as (

    select distinct
        currency,
        ordered_month as month_start

    from orders
    where fx_rate is null

    union

    select distinct
        currency,
        rate_month as month_start

    from refunds
    where fx_rate is null

)

select * from missing
