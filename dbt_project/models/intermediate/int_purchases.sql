{#- Orders, refunds and grades in one stream, so that what comes in, what goes back and what
    was bought are counted in one pass. What is new is told apart by dates, which are compared
    with a period's start: so a person's history is read once, however many periods look back
    on it. -#}
{{ config(meta={'kept_by': 'int_touched_purchasers'}) }}
{%- set first_repeat_until = add_days('orders.ordered_date', var('first_repeat_days')) -%}
{%- set measures = dict(purchase_measures(), **nothing_of(first_purchase_sums())) -%}
with

orders as (

    select * from {{ touched('int_order_values', 'int_touched_purchasers') }}

),

refunds as (

    select * from {{ touched('int_refunds', 'int_touched_purchasers') }}

),

categories as (

    select * from {{ touched('int_order_categories', 'int_touched_purchasers') }}

),

-- a grade first reached with the first of its family is higher than no other
grades as (

    select * from {{ touched('int_bought_items', 'int_touched_purchasers') }}
    where first_graded_date < first_as_high_date

),

firsts as (

    select
        person_key,
        ordered_date as first_ordered_date

    from orders
    where order_number = 1

),

bought as (

    select
        order_key,
        max(first_category_date) as first_category_date,
        min(first_family_date) as first_family_date,
        {{ sum_of_whole('listed_items') }} as listed_items,
        sum(listed_amount) as listed_amount,
        sum(full_price_amount) as full_price_amount,
        {{ sum_of_whole('referenced_items') }} as referenced_items,
        sum(referenced_amount) as referenced_amount,
        sum(premium_amount) as premium_amount

    from categories
    group by order_key

),

streamed as (

    select
        orders.person_key,
        orders.ordered_date as day,
        orders.order_channel,
        {{ cut_id('orders', 'store') }} as store,
        {{ cut_id('orders', 'campaign') }} as campaign,
        {{- stream_columns(measures, {
            'orders': '1',
            'goods_amount': 'orders.goods_amount',
            'profit_amount': 'orders.profit_amount',
            'first_orders': 'case when orders.is_first_order then 1 else 0 end',
            'first_orders_matured': 'case when orders.is_matured_first_order then 1 else 0 end',
            'first_orders_repeated': 'case when orders.is_matured_first_order'
                ~ ' and orders.next_ordered_date <= ' ~ first_repeat_until
                ~ ' then 1 else 0 end',
            'second_ordered_date':
                'case when orders.is_first_order then orders.next_ordered_date end',
            'first_ordered_date': 'firsts.first_ordered_date',
            'first_category_date': 'bought.first_category_date',
            'first_family_date': 'bought.first_family_date',
            'listed_items': 'coalesce(bought.listed_items, 0)',
            'listed_amount': 'bought.listed_amount',
            'full_price_amount': 'bought.full_price_amount',
            'referenced_items': 'coalesce(bought.referenced_items, 0)',
            'referenced_amount': 'bought.referenced_amount',
            'premium_amount': 'bought.premium_amount',
        }) }}

    from orders
    left join firsts on orders.person_key = firsts.person_key
    left join bought on orders.order_key = bought.order_key

    union all

    select
        person_key,
        refunded_date as day,
        order_channel,
        {{ cut_id('refunds', 'store') }} as store,
        {{ cut_id('refunds', 'campaign') }} as campaign,
        {{- stream_columns(measures, {
            'refunds': '1',
            'refund_amount': 'refund_amount',
            'profit_amount': money('-profit_amount'),
        }) }}

    from refunds

    union all

    select
        orders.person_key,
        orders.ordered_date as day,
        orders.order_channel,
        {{ cut_id('orders', 'store') }} as store,
        {{ cut_id('orders', 'campaign') }} as campaign,
        {{- stream_columns(measures, {
            'first_graded_date': 'grades.first_graded_date',
            'first_as_high_date': 'grades.first_as_high_date',
        }) }}

    from grades
    inner join orders on grades.order_key = orders.order_key

)

select * from streamed
