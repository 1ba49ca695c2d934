{#- Orders, refunds and grades in one stream, so that what comes in, what goes back and what
    was bought are counted in one pass. What is new is told apart by dates, which are compared
    with a period's start: so a person's history is read once, however many periods look back
    on it. -#}
with

orders as (

    select * from {{ ref('int_order_values') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

categories as (

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
        1 as orders,
        0 as refunds,
        orders.goods_amount,
        cast(null as decimal(38, 12)) as refund_amount,
        orders.profit_amount,
        case when orders.is_first_order then 1 else 0 end as first_orders,
        case when
            orders.is_first_order
            and {{ add_days('orders.ordered_date', var('first_repeat_days')) }}
            <= {{ as_of_date() }}
            then 1 else 0 end as first_orders_matured,
        case when
            orders.is_first_order
            and {{ add_days('orders.ordered_date', var('first_repeat_days')) }}
            <= {{ as_of_date() }}
            and orders.next_ordered_date
            <= {{ add_days('orders.ordered_date', var('first_repeat_days')) }}
            then 1 else 0 end as first_orders_repeated,
        case when orders.is_first_order then orders.next_ordered_date end
            as second_ordered_date,
        firsts.first_ordered_date,
        bought.first_category_date,
        bought.first_family_date,
        cast(null as date) as first_graded_date,
        cast(null as date) as first_as_high_date,
        coalesce(bought.listed_items, 0) as listed_items,
        bought.listed_amount,
        bought.full_price_amount,
        coalesce(bought.referenced_items, 0) as referenced_items,
        bought.referenced_amount,
        bought.premium_amount

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
        0 as orders,
        1 as refunds,
        cast(null as decimal(38, 12)) as goods_amount,
        refund_amount,
        {{ money('-profit_amount') }} as profit_amount,
        0 as first_orders,
        0 as first_orders_matured,
        0 as first_orders_repeated,
        cast(null as date) as second_ordered_date,
        cast(null as date) as first_ordered_date,
        cast(null as date) as first_category_date,
        cast(null as date) as first_family_date,
        cast(null as date) as first_graded_date,
        cast(null as date) as first_as_high_date,
        0 as listed_items,
        cast(null as decimal(38, 12)) as listed_amount,
        cast(null as decimal(38, 12)) as full_price_amount,
        0 as referenced_items,
        cast(null as decimal(38, 12)) as referenced_amount,
        cast(null as decimal(38, 12)) as premium_amount

    from refunds

    union all

    select
        orders.person_key,
        orders.ordered_date as day,
        orders.order_channel,
        {{ cut_id('orders', 'store') }} as store,
        {{ cut_id('orders', 'campaign') }} as campaign,
        0 as orders,
        0 as refunds,
        cast(null as decimal(38, 12)) as goods_amount,
        cast(null as decimal(38, 12)) as refund_amount,
        cast(null as decimal(38, 12)) as profit_amount,
        0 as first_orders,
        0 as first_orders_matured,
        0 as first_orders_repeated,
        cast(null as date) as second_ordered_date,
        cast(null as date) as first_ordered_date,
        cast(null as date) as first_category_date,
        cast(null as date) as first_family_date,
        grades.first_graded_date,
        grades.first_as_high_date,
        0 as listed_items,
        cast(null as decimal(38, 12)) as listed_amount,
        cast(null as decimal(38, 12)) as full_price_amount,
        0 as referenced_items,
        cast(null as decimal(38, 12)) as referenced_amount,
        cast(null as decimal(38, 12)) as premium_amount

    from grades
    inner join orders on grades.order_key = orders.order_key

)

select * from streamed
