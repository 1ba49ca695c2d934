with

periods as (

    select * from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

costs as (

    select * from {{ ref('int_acquisition_costs') }}

),

new_customers as (

    select * from {{ ref('int_new_customers_by_person') }}
    where grain in {{ cut_grains() }}

),

lifetime_values as (

    select * from {{ ref('int_lifetime_values') }}

),

totals as (

    select * from {{ ref('int_person_totals') }}

),

-- nothing was spent in a period without a row; with rows of which none says, who knows
spent as (

    select
        periods.grain,
        periods.period_start,
        cast(null as string) as person_key,
        0 as is_new,
        case
            when count(costs.grain) = 0 then {{ money('0') }} else sum(costs.cost_amount)
        end as cost_amount,
        cast(null as decimal(38, 12)) as ltv_amount,
        cast(null as decimal(38, 12)) as profit_amount,
        cast(null as bigint) as customer_days

    from periods
    left join costs
        on periods.grain = costs.grain and periods.period_start = costs.period_start
    group by periods.grain, periods.period_start

),

won as (

    select
        new_customers.grain,
        new_customers.period_start,
        new_customers.person_key,
        1 as is_new,
        cast(null as decimal(38, 12)) as cost_amount,
        {{ money('lifetime_values.ltv_discounted') }} as ltv_amount,
        {{ money('totals.gross_profit_amount') }} as profit_amount,
        cast(
            {{ days_between('totals.first_ordered_date', as_of_date()) }} as bigint
        ) as customer_days

    from new_customers
    left join lifetime_values on new_customers.person_key = lifetime_values.person_key
    left join totals on new_customers.person_key = totals.person_key

),

acquisitions as (

    select * from spent

    union all

    select * from won

),

described as (

    select
        *,
        'overall' as segment_dimension,
        'all' as segment_value

    from acquisitions

)

select * from described
