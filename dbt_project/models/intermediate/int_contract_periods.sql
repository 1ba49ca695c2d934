{#- Contracts by period, with what they are worth a year in the reporting currency, by
    the rate of the month of the period's last counted day. -#}
with

periods as (

    select
        grain,
        period_start,
        start_at,
        end_at,
        cast(
            date_trunc('month', {{ add_days('counted_to', -1) }}) as date
        ) as rate_month

    from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

spans as (

    select * from {{ ref('int_recurring_amounts') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

-- a span holds at the instants after its beginning up to its end, the end included
held as (

    select
        periods.grain,
        periods.period_start,
        periods.start_at,
        periods.end_at,
        periods.rate_month,
        spans.subscription_key,
        spans.currency,
        max(case
            when spans.holds_from < periods.start_at
                and spans.holds_to >= periods.start_at
                then spans.yearly_amount
        end) as yearly_value_at_start,
        max(case
            when spans.holds_from < periods.end_at and spans.holds_to >= periods.end_at
                then spans.yearly_amount
        end) as yearly_value_at_end

    from spans
    inner join periods
        on spans.holds_from < periods.end_at and spans.holds_to >= periods.start_at
    group by
        periods.grain, periods.period_start, periods.start_at, periods.end_at,
        periods.rate_month, spans.subscription_key, spans.currency

),

described as (

    select
        held.grain,
        held.period_start,
        held.subscription_key,
        subscriptions.person_key,
        held.currency,
        held.rate_month,
        rates.rate as fx_rate,
        case
            when held.yearly_value_at_start is null then 0 else 1
        end as is_active_at_start,
        case
            when held.yearly_value_at_end is null then 0 else 1
        end as is_active_at_end,
        case when subscriptions.started_at >= held.start_at then 1 else 0 end as begins,
        case when subscriptions.ended_at < held.end_at then 1 else 0 end as ends,
        held.yearly_value_at_start,
        held.yearly_value_at_end,
        case
            when held.yearly_value_at_start is null then {{ money('0') }}
            else {{ money('held.yearly_value_at_start * rates.rate') }}
        end as yearly_amount_at_start,
        case
            when held.yearly_value_at_end is null then {{ money('0') }}
            else {{ money('held.yearly_value_at_end * rates.rate') }}
        end as yearly_amount_at_end

    from held
    inner join subscriptions on held.subscription_key = subscriptions.subscription_key
    left join rates
        on held.currency = rates.currency and held.rate_month = rates.month_start

)

select * from described
