with

purchases as (

    select * from {{ ref('int_purchases') }}
    where person_key is not null

),

months as (

    select * from {{ ref('int_periods') }}
    where grain = 'month'

),

firsts as (

    select
        person_key,
        cast(date_trunc('month', day) as date) as cohort_month

    from purchases
    where first_orders = 1

),

cohorts as (

    select
        cohort_month,
        count(*) as cohort_size

    from firsts
    group by cohort_month

),

by_person as (

    select
        firsts.cohort_month,
        cast(date_trunc('month', purchases.day) as date) as month_start,
        purchases.person_key,
        max(purchases.orders) as has_order,
        sum(purchases.profit_amount) as profit_amount

    from purchases
    inner join firsts on purchases.person_key = firsts.person_key
    group by
        firsts.cohort_month,
        cast(date_trunc('month', purchases.day) as date),
        purchases.person_key

),

by_month as (

    select
        cohort_month,
        month_start,
        sum(has_order) as active_customers,
        sum(profit_amount) as profit_amount

    from by_person
    group by cohort_month, month_start

),

cells as (

    select
        cohorts.cohort_month,
        {{ months_between('cohorts.cohort_month', 'months.period_start') }} as months_since,
        cohorts.cohort_size,
        coalesce(by_month.active_customers, 0) as active_customers,
        sum(by_month.profit_amount) over (
            partition by cohorts.cohort_month order by months.period_start
        ) as cumulative_profit_amount,
        cohort_months.is_before_history as is_left_truncated,
        months.is_complete

    from cohorts
    inner join months on cohorts.cohort_month <= months.period_start
    inner join months as cohort_months on cohorts.cohort_month = cohort_months.period_start
    left join by_month
        on cohorts.cohort_month = by_month.cohort_month
        and months.period_start = by_month.month_start

),

finished as (

    select
        cohort_month,
        cast(months_since as integer) as months_since,
        cohort_size,
        case when is_complete then cast(active_customers as bigint) end as active_customers,
        case when is_complete then
            100 * cast(active_customers as double) / cohort_size
        end as retention_rate,
        case when is_complete then
            cast(cumulative_profit_amount as double) / cohort_size
        end as cumulative_gross_profit_per_head,
        is_left_truncated,
        is_complete

    from cells

)

select * from finished
