{#- The stream of purchases told apart by category, so that the parts add up: a refund
    without its item is spread over its order's categories by their line totals. -#}
with

items as (

    select * from {{ ref('int_order_items') }}

),

orders as (

    select * from {{ ref('int_order_values') }}

),

refunds as (

    select
        *,
        case when order_key is not null then order_item_key end as known_order_item_key

    from {{ ref('int_refunds') }}

),

by_order as (

    select
        order_key,
        coalesce(category, 'unknown') as category,
        sum(line_amount) as goods_amount,
        sum(profit_amount) as profit_amount

    from items
    group by order_key, coalesce(category, 'unknown')

),

ordered as (

    select
        orders.order_key,
        orders.person_key,
        orders.ordered_date as day,
        coalesce(by_order.category, 'unknown') as category,
        coalesce(by_order.goods_amount, orders.goods_amount) as goods_amount,
        coalesce(by_order.profit_amount, orders.profit_amount) as profit_amount,
        orders.goods_amount as order_goods_amount,
        case when orders.goods_amount <> 0 then orders.order_key end as spreadable_order_key

    from orders
    left join by_order on orders.order_key = by_order.order_key

),

item_categories as (

    select
        order_item_key,
        coalesce(category, 'unknown') as category

    from items

),

-- a refund of an item has its category; the others are joined by their order
sorted as (

    select
        refunds.person_key,
        refunds.refunded_date as day,
        refunds.refund_amount,
        refunds.profit_amount,
        item_categories.category as item_category,
        case
            when item_categories.order_item_key is null then refunds.order_key
        end as order_key

    from refunds
    left join item_categories on refunds.known_order_item_key = item_categories.order_item_key

),

refunded as (

    select
        sorted.person_key,
        sorted.day,
        coalesce(sorted.item_category, ordered.category, 'unknown') as category,
        case
            when ordered.order_key is null then 1.0e0
            else cast(ordered.goods_amount as double)
                / cast(ordered.order_goods_amount as double)
        end as share,
        sorted.refund_amount,
        sorted.profit_amount

    from sorted
    left join ordered on sorted.order_key = ordered.spreadable_order_key

),

streamed as (

    select
        person_key,
        day,
        category,
        1 as orders,
        0 as refunds,
        goods_amount,
        cast(null as decimal(38, 12)) as refund_amount,
        profit_amount

    from ordered

    union all

    select
        person_key,
        day,
        category,
        0 as orders,
        1 as refunds,
        cast(null as decimal(38, 12)) as goods_amount,
        {{ money('cast(refund_amount as double) * share') }} as refund_amount,
        {{ money('-cast(profit_amount as double) * share') }} as profit_amount

    from refunded

)

select * from streamed
