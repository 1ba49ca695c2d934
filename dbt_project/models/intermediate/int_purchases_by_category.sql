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

    select * from {{ ref('int_refunds') }}

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
        orders.goods_amount as order_goods_amount

    from orders
    left join by_order on orders.order_key = by_order.order_key

),

item_categories as (

    select
        order_item_key,
        coalesce(category, 'unknown') as category

    from items

),

refunded as (

    select
        refunds.person_key,
        refunds.refunded_date as day,
        coalesce(item_categories.category, ordered.category, 'unknown') as category,
        case
            when item_categories.category is not null or ordered.order_key is null
                or ordered.order_goods_amount = 0 or ordered.order_goods_amount is null
                then 1.0e0
            else cast(ordered.goods_amount as double)
                / cast(ordered.order_goods_amount as double)
        end as share,
        refunds.refund_amount,
        refunds.profit_amount

    from refunds
    left join item_categories
        on refunds.order_item_key = item_categories.order_item_key
        and refunds.order_key is not null
    left join ordered
        on refunds.order_key = ordered.order_key
        and item_categories.order_item_key is null
        and ordered.order_goods_amount <> 0

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
        profit_amount,
        0 as first_orders,
        0 as first_orders_matured,
        0 as first_orders_repeated

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
        {{ money('-cast(profit_amount as double) * share') }} as profit_amount,
        0 as first_orders,
        0 as first_orders_matured,
        0 as first_orders_repeated

    from refunded

)

select * from streamed
