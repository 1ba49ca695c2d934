{{ config(meta={'kept_by': 'int_touched_persons'}) }}
with

orders as (

    select * from {{ touched('int_orders', 'int_touched_persons') }}

),

items as (

    select * from {{ touched('int_order_items', 'int_touched_persons') }}

),

margins as (

    select * from {{ ref('margin_rates') }}

),

item_profits as (

    select
        order_key,
        sum(profit_amount) as profit_amount

    from items
    group by order_key

),

valued as (

    select
        orders.*,
        case
            when orders.has_items then {{ money('item_profits.profit_amount') }}
            else {{ money('orders.goods_amount * margins.margin_rate') }}
        end as profit_amount

    from orders
    left join item_profits on orders.order_key = item_profits.order_key
    left join margins on margins.category = 'default'

)

select * from valued
