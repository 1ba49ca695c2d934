with

periods as (

    select * from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

islands as (

    select * from {{ ref('int_order_islands') }}

),

contract_periods as (

    select * from {{ ref('int_contract_periods') }}

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
        0 as subscribes_within,
        cast(0 as bigint) as contracts_at_end,
        {{ money('0') }} as yearly_amount_at_start,
        {{ money('0') }} as yearly_amount_at_end

    from islands
    inner join periods on islands.active_from <= periods.counted_to
    group by periods.grain, periods.period_start, islands.person_key

),

by_contract as (

    select
        grain,
        period_start,
        person_key,
        0 as buys_at_start,
        0 as buys_at_end,
        0 as bought_before,
        max(is_active_at_start) as subscribes_at_start,
        max(is_active_at_end) as subscribes_at_end,
        max(begins) as subscribes_within,
        {{ sum_of_whole('is_active_at_end') }} as contracts_at_end,
        {{ money('sum(yearly_amount_at_start)') }} as yearly_amount_at_start,
        {{ money('sum(yearly_amount_at_end)') }} as yearly_amount_at_end

    from contract_periods
    group by grain, period_start, person_key

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
        max(subscribes_within) as subscribes_within,
        max(contracts_at_end) as contracts_at_end,
        max(yearly_amount_at_start) as yearly_amount_at_start,
        max(yearly_amount_at_end) as yearly_amount_at_end

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
            as churns_within,
        case
            when subscribes_at_start = 1 then yearly_amount_at_end else {{ money('0') }}
        end as yearly_amount_retained,
        least(yearly_amount_at_start, yearly_amount_at_end) as yearly_amount_kept

    from states

)

select * from flagged
