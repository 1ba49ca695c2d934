with

periods as (

    select * from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

islands as (

    select * from {{ ref('int_order_islands') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

by_order as (

    select
        periods.grain,
        periods.period_start,
        islands.person_key,
        max(case
            when periods.period_start between islands.active_from and islands.active_to
                then 1 else 0
        end) as buys_at_start,
        max(case
            when periods.counted_to between islands.active_from and islands.active_to
                then 1 else 0
        end) as buys_at_end,
        max(case
            when islands.active_from <= periods.period_start then 1 else 0
        end) as bought_before,
        0 as subscribes_at_start,
        0 as subscribes_at_end,
        0 as subscribes_within

    from islands
    inner join periods on islands.active_from <= periods.counted_to
    group by periods.grain, periods.period_start, islands.person_key

),

by_contract as (

    select
        periods.grain,
        periods.period_start,
        subscriptions.person_key,
        0 as buys_at_start,
        0 as buys_at_end,
        0 as bought_before,
        max(case
            when subscriptions.started_at < periods.start_at
                and coalesce(subscriptions.ended_at >= periods.start_at, true)
                then 1 else 0
        end) as subscribes_at_start,
        max(case
            when subscriptions.started_at < periods.end_at
                and coalesce(subscriptions.ended_at >= periods.end_at, true)
                then 1 else 0
        end) as subscribes_at_end,
        max(case
            when subscriptions.started_at >= periods.start_at
                and subscriptions.started_at < periods.end_at
                then 1 else 0
        end) as subscribes_within

    from subscriptions
    inner join periods
        on subscriptions.started_at < periods.end_at
        and coalesce(subscriptions.ended_at >= periods.start_at, true)
    group by periods.grain, periods.period_start, subscriptions.person_key

),

standing as (

    select * from by_order
    where buys_at_start + buys_at_end > 0

    union all

    select * from by_contract

),

states as (

    select
        grain,
        period_start,
        'overall' as segment_dimension,
        'all' as segment_value,
        person_key,
        max(buys_at_start) as buys_at_start,
        max(buys_at_end) as buys_at_end,
        max(bought_before) as bought_before,
        max(subscribes_at_start) as subscribes_at_start,
        max(subscribes_at_end) as subscribes_at_end,
        max(subscribes_within) as subscribes_within

    from standing
    group by grain, period_start, person_key

),

flagged as (

    select
        *,
        buys_at_start * (1 - buys_at_end) as lapses,
        bought_before * (1 - buys_at_start) * buys_at_end as is_reactivated,
        subscribes_at_start * (1 - subscribes_at_end) as churns,
        (1 - subscribes_at_start) * subscribes_within * (1 - subscribes_at_end)
            as churns_within

    from states

)

select * from flagged
