with

contract_months as (

    select * from {{ ref('int_contract_periods') }}
    where grain = 'month'

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

described as (

    select
        contract_months.subscription_key,
        analysed.person_key,
        subscriptions.system,
        subscriptions.subscription_id,
        subscriptions.plan,
        subscriptions.billing_period,
        contract_months.currency,
        case when contract_months.ends = 1 then subscriptions.cancel_reason end
            as cancel_reason,
        cast(round(
            cast(contract_months.yearly_amount_at_start as double) / 12, 4
        ) as decimal(38, 4)) as recurring_amount_at_start,
        cast(round(
            cast(contract_months.yearly_amount_at_end as double) / 12, 4
        ) as decimal(38, 4)) as recurring_amount_at_end,
        contract_months.is_active_at_start = 1 as is_active_at_start,
        contract_months.is_active_at_end = 1 as is_active_at_end,
        contract_months.begins = 1 as is_started,
        contract_months.ends = 1 as is_ended,
        periods.is_complete,
        contract_months.period_start,
        cast(subscriptions.started_at as timestamp) as started_at,
        cast(case
            when contract_months.ends = 1 then subscriptions.ended_at
        end as timestamp) as ended_at

    from contract_months
    left join analysed on contract_months.person_key = analysed.person_key
    inner join subscriptions
        on contract_months.subscription_key = subscriptions.subscription_key
    inner join periods
        on contract_months.grain = periods.grain
        and contract_months.period_start = periods.period_start

)

select * from described
