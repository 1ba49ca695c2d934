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
        ) as rate_month,
        coalesce(order_key, 'refund ' || refund_key) as returned_key

    from placed
    where refunded_at < {{ end_of_as_of() }}

),

-- a refund is what was given back with it less what was before it: rounded one by one, those
-- of a whole order would leave a rest of it
summed as (

    select
        *,
        cast(sum(amount) over (
            partition by returned_key, currency order by refunded_at, refund_key
            rows between unbounded preceding and current row
        ) as decimal(28, 4)) as amount_so_far

    from counting

),

converted as (

    select
        summed.*,
        rates.rate as fx_rate,
        {{ converted('summed.amount_so_far', 'rates.rate') }} as converted_so_far,
        margins.margin_rate as default_margin_rate

    from summed
    left join rates
        on summed.currency = rates.currency and summed.rate_month = rates.month_start
    left join margins on margins.category = 'default'

),

parted as (

    select
        *,
        {{ money("converted_so_far - coalesce(lag(converted_so_far) over (
            partition by returned_key, currency order by refunded_at, refund_key
        ), 0)") }} as refund_amount

    from converted

),

given_back as (

    select
        *,
        {{ money("sum(refund_amount) over (
            partition by returned_key order by refunded_at, refund_key
            rows between unbounded preceding and current row
        )") }} as refunded_so_far

    from parted

),

taken_back as (

    select
        *,
        case
            when not has_known_order
                then {{ money('refunded_so_far * default_margin_rate') }}
            when order_goods_amount is null or order_goods_amount = 0 then {{ money('0') }}
            when refunded_so_far = order_goods_amount then order_profit_amount
            else {{ money(
                'cast(order_profit_amount as double) * cast(refunded_so_far as double)'
                ~ ' / cast(order_goods_amount as double)'
            ) }}
        end as profit_so_far

    from given_back

),

valued as (

    select
        *,
        {{ money("profit_so_far - coalesce(lag(profit_so_far) over (
            partition by returned_key order by refunded_at, refund_key
        ), 0)") }} as profit_amount

    from taken_back

)

select * from valued
