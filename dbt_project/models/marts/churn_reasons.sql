{#- Who had several contracts churns once, under the one that ended last. -#}
with

states as (

    select * from {{ ref('int_person_states') }}
    where grain = 'month' and churns = 1

),

contract_months as (

    select * from {{ ref('int_contract_periods') }}
    where grain = 'month' and is_active_at_start = 1

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

ended as (

    select
        contract_months.period_start,
        contract_months.person_key,
        coalesce(subscriptions.plan, 'unknown') as plan,
        coalesce(subscriptions.cancel_reason, 'unknown') as cancel_reason,
        sum(contract_months.yearly_amount_at_start) over (
            partition by contract_months.period_start, contract_months.person_key
        ) as yearly_amount,
        row_number() over (
            partition by contract_months.period_start, contract_months.person_key
            order by subscriptions.ended_at desc, subscriptions.subscription_key asc
        ) as lateness

    from contract_months
    inner join states
        on contract_months.period_start = states.period_start
        and contract_months.person_key = states.person_key
    inner join subscriptions
        on contract_months.subscription_key = subscriptions.subscription_key

),

counted as (

    select
        period_start,
        plan,
        cancel_reason,
        count(*) as persons,
        sum(yearly_amount) as yearly_amount

    from ended
    where lateness = 1
    group by period_start, plan, cancel_reason

),

cells as (

    select
        *,
        plan || ' ' || cancel_reason as segment_value,
        true as is_cut,
        persons < {{ var('min_cell_size') }} as is_small

    from counted

),

suppressed as (
    {{ hide_small_cells('cells', ['period_start']) }}
),

described as (

    select
        suppressed.plan,
        suppressed.cancel_reason,
        cast(case
            when not suppressed.is_suppressed then suppressed.persons
        end as bigint) as churned_count,
        cast(case
            when not suppressed.is_suppressed
                then round(cast(suppressed.yearly_amount as double) / 12, 4)
        end as decimal(38, 4)) as recurring_amount,
        periods.is_complete,
        suppressed.is_suppressed,
        suppressed.period_start,
        {{ as_of_date() }} as as_of_date

    from suppressed
    inner join periods
        on periods.grain = 'month' and suppressed.period_start = periods.period_start

)

select * from described
