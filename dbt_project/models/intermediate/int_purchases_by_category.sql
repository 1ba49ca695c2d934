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

    select * from {{ ref('int_order_categories') }}

),

-- a grade first reached with the first of its family is higher than no other
grades as (

    select * from {{ ref('int_bought_items') }}
    where first_graded_date < first_as_high_date

),

firsts as (

    select
        person_key,
        ordered_date as first_ordered_date

    from orders
    where order_number = 1

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
        case when orders.goods_amount <> 0 then orders.order_key end as spreadable_order_key,
        case when by_order.is_bought then firsts.first_ordered_date end as first_ordered_date,
        by_order.first_category_date,
        by_order.first_family_date,
        coalesce(by_order.listed_items, 0) as listed_items,
        by_order.listed_amount,
        by_order.full_price_amount,
        coalesce(by_order.referenced_items, 0) as referenced_items,
        by_order.referenced_amount,
        by_order.premium_amount

    from orders
    left join by_order on orders.order_key = by_order.order_key
    left join firsts on orders.person_key = firsts.person_key

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
        {{- stream_columns(purchase_measures(), {
            'orders': '1',
            'goods_amount': 'goods_amount',
            'profit_amount': 'profit_amount',
            'first_ordered_date': 'first_ordered_date',
            'first_category_date': 'first_category_date',
            'first_family_date': 'first_family_date',
            'listed_items': 'listed_items',
            'listed_amount': 'listed_amount',
            'full_price_amount': 'full_price_amount',
            'referenced_items': 'referenced_items',
            'referenced_amount': 'referenced_amount',
            'premium_amount': 'premium_amount',
        }) }}

    from ordered

    union all

    select
        person_key,
        day,
        category,
        {{- stream_columns(purchase_measures(), {
            'refunds': '1',
            'refund_amount': 'case when share = 1 then refund_amount else '
                ~ money('cast(refund_amount as double) * share') ~ ' end',
            'profit_amount': 'case when share = 1 then -profit_amount else '
                ~ money('-cast(profit_amount as double) * share') ~ ' end',
        }) }}

    from refunded

    union all

    select
        person_key,
        ordered_date as day,
        category,
        {{- stream_columns(purchase_measures(), {
            'first_graded_date': 'first_graded_date',
            'first_as_high_date': 'first_as_high_date',
        }) }}

    from grades

)

select * from streamed
