with

purchases as (

    select * from {{ ref('int_purchases') }}
    where person_key is not null

),

totals as (

    select
        person_key,
        sum(orders) as order_count,
        min(case when orders = 1 then day end) as first_ordered_date,
        max(case when orders = 1 then day end) as last_ordered_date,
        sum(case
            when day > {{ add_days(as_of_date(), -365) }} then orders else 0
        end) as order_count_365_days,
        coalesce(sum(goods_amount), 0) - coalesce(sum(refund_amount), 0) as net_revenue_amount,
        coalesce(sum(case
            when day > {{ add_days(as_of_date(), -365) }} then goods_amount
        end), 0) - coalesce(sum(case
            when day > {{ add_days(as_of_date(), -365) }} then refund_amount
        end), 0) as net_revenue_amount_365_days,
        sum(profit_amount) as gross_profit_amount

    from purchases
    group by person_key

)

select * from totals
