-- A missing rate would quietly turn money into nothing: the night stops with its name.
with

orders as (

    select * from {{ ref('int_orders') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

items as (

    select * from {{ ref('int_order_items') }}

),

contracts as (

    select * from {{ ref('int_contract_periods') }}

),

acquisition_costs as (

    select * from {{ ref('int_acquisition_costs') }}

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

    union

    select distinct
        product_currency as currency,
        ordered_month as month_start

    from items
    where product_fx_rate is null
        and coalesce(unit_cost, list_price, reference_price) is not null

    union

    select distinct
        currency,
        rate_month as month_start

    from contracts
    where fx_rate is null and is_active_at_start + is_active_at_end > 0

    union

    select distinct
        currency,
        rate_month as month_start

    from acquisition_costs
    where fx_rate is null and cost is not null

)

select * from missing
