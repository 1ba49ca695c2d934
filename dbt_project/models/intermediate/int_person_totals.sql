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
        sum(coalesce(goods_amount, -refund_amount)) as net_revenue_amount,
        case
            when max(day) <= {{ add_days(as_of_date(), -365) }} then {{ money('0') }}
            else sum(case
                when day > {{ add_days(as_of_date(), -365) }}
                    then coalesce(goods_amount, -refund_amount)
            end)
        end as net_revenue_amount_365_days,
        sum(profit_amount) as gross_profit_amount

    from purchases
    group by person_key

)

select * from totals
