{#- Amounts are rounded before the cast, which alone takes DuckDB twice as long. -#}
with

orders as (

    select * from {{ ref('int_order_values') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

refunds as (

    select
        order_key,
        count(*) as refund_count,
        sum(refund_amount) as refund_amount

    from {{ ref('int_refunds') }}
    where order_key is not null
    group by order_key

),

described as (

    select
        orders.order_key,
        analysed.person_key,
        orders.system,
        orders.order_id,
        orders.order_channel,
        orders.store_id,
        orders.campaign_id,
        orders.currency,
        cast(orders.goods_value as decimal(38, 4)) as goods_value,
        cast(round(orders.goods_amount, 4) as decimal(38, 4)) as goods_amount,
        cast(round(orders.profit_amount, 4) as decimal(38, 4)) as profit_amount,
        cast(round(refunds.refund_amount, 4) as decimal(38, 4)) as refund_amount,
        coalesce(refunds.refund_count, 0) as refund_count,
        case
            when analysed.person_key is not null then cast(orders.order_number as bigint)
        end as order_number,
        orders.is_first_order,
        analysed.person_key is null as is_guest,
        orders.has_items,
        coalesce(orders.has_discount, false) as has_discount,
        orders.ordered_date,
        case
            when analysed.person_key is not null then orders.next_ordered_date
        end as next_ordered_date,
        cast(orders.ordered_at as timestamp) as ordered_at

    from orders
    left join analysed on orders.person_key = analysed.person_key
    left join refunds on orders.order_key = refunds.order_key

)

select * from described
