-- What the systems are reconciled to is the very figure that is published.
with

reconciled as (

    select
        period_start,
        cast(sum(counted_amount) as double) as counted_amount

    from {{ ref('reconciliations') }}
    group by period_start

),

published as (

    select
        period_start,
        value

    from {{ ref('kpi_values') }}
    where kpi = 'net_revenue' and grain = 'month' and segment_dimension = 'overall'

),

differing as (

    select
        published.period_start,
        published.value,
        reconciled.counted_amount

    from published
    left join reconciled on published.period_start = reconciled.period_start
    where abs(coalesce(published.value, 0) - coalesce(reconciled.counted_amount, 0)) > 0.01

)

select * from differing
