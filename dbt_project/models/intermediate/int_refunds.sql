with

refunds as (

    select * from {{ ref('stg_orders__refunds') }}

),

known_orders as (

    select
        order_key,
        currency

    from {{ ref('stg_orders__orders') }}
    where ordered_at < {{ end_of_as_of() }}

),

orders as (

    select * from {{ ref('int_order_values') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

margins as (

    select * from {{ ref('margin_rates') }}

),

placed as (

    select
        refunds.refund_key,
        refunds.system,
        refunds.refund_id,
        refunds.order_item_key,
        known_orders.order_key,
        known_orders.order_key is not null as has_known_order,
        refunds.refunded_at is null as is_dated_by_order,
        refunds.amount,
        refunds.reason,
        coalesce(
            refunds.currency, known_orders.currency, '{{ var("reporting_currency") }}'
        ) as currency,
        coalesce(refunds.refunded_at, orders.ordered_at) as refunded_at,
        {{ business_date('coalesce(refunds.refunded_at, orders.ordered_at)') }} as refunded_date,
        orders.ordered_month,
        orders.goods_amount as order_goods_amount,
        orders.profit_amount as order_profit_amount,
        case
            when known_orders.order_key is not null then orders.person_key
            else person_ids.person_key
        end as person_key,
        orders.order_channel,
        orders.store_key,
        orders.store_id,
        orders.campaign_key,
        orders.campaign_id

    from refunds
    left join known_orders on refunds.order_key = known_orders.order_key
    left join orders on refunds.order_key = orders.order_key
    left join person_ids on refunds.customer_key = person_ids.customer_key
    where orders.order_key is not null or known_orders.order_key is null

),

counting as (

    select
        *,
        coalesce(
            ordered_month, cast(date_trunc('month', refunded_date) as date)
        ) as rate_month

    from placed
    where refunded_at < {{ end_of_as_of() }}

),

converted as (

    select
        counting.*,
        rates.rate as fx_rate,
        {{ converted('counting.amount', 'rates.rate') }} as refund_amount,
        margins.margin_rate as default_margin_rate

    from counting
    left join rates
        on counting.currency = rates.currency and counting.rate_month = rates.month_start
    left join margins on margins.category = 'default'

),

valued as (

    select
        *,
        case
            when not has_known_order then {{ money('refund_amount * default_margin_rate') }}
            when order_goods_amount is null or order_goods_amount = 0 then {{ money('0') }}
            else {{ money(
                'cast(order_profit_amount as double) * cast(refund_amount as double)'
                ~ ' / cast(order_goods_amount as double)'
            ) }}
        end as profit_amount

    from converted

)

select * from valued
