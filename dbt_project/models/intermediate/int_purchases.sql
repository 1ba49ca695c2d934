{#- Orders and refunds in one stream, so that what comes in and what goes back is
    counted in one pass. -#}
with

orders as (

    select * from {{ ref('int_order_values') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

streamed as (

    select
        person_key,
        ordered_date as day,
        order_channel,
        {{ cut_id('orders', 'store') }} as store,
        {{ cut_id('orders', 'campaign') }} as campaign,
        1 as orders,
        0 as refunds,
        goods_amount,
        cast(null as decimal(38, 12)) as refund_amount,
        profit_amount,
        case when is_first_order then 1 else 0 end as first_orders,
        case when
            is_first_order
            and {{ add_days('ordered_date', var('first_repeat_days')) }} <= {{ as_of_date() }}
            then 1 else 0 end as first_orders_matured,
        case when
            is_first_order
            and {{ add_days('ordered_date', var('first_repeat_days')) }} <= {{ as_of_date() }}
            and next_ordered_date
            <= {{ add_days('ordered_date', var('first_repeat_days')) }}
            then 1 else 0 end as first_orders_repeated,
        case when is_first_order then next_ordered_date end as second_ordered_date

    from orders

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
        cast(null as date) as second_ordered_date

    from refunds

)

select * from streamed
