{#- Advertisements are known by the day, a campaign's cost only as a whole: it is spread
    evenly over its days, unless its advertisements tell it better. -#}
with

campaigns as (

    select
        *,
        lower(objective) = 'acquisition' as is_acquisition,
        {{ business_date('started_at') }} as started_date,
        {{ business_date('ended_at') }} as ended_date

    from {{ ref('stg_crm__campaigns') }}
    where started_at < {{ end_of_as_of() }}

),

ads as (

    select * from {{ ref('stg_web__ads_daily') }}
    where date <= {{ as_of_date() }}

),

periods as (

    select
        *,
        cast(date_trunc('month', {{ add_days('counted_to', -1) }}) as date) as last_month

    from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

days as (

    select * from {{ ref('int_period_days') }}
    where grain in {{ cut_grains() }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

advertised as (

    select distinct campaign_key
    from ads
    where cost is not null and campaign_key is not null

),

-- a campaign without an end runs to the as-of date; a planned end is known beforehand
planned as (

    select
        campaigns.campaign_key,
        campaigns.cost,
        coalesce(campaigns.currency, '{{ var("reporting_currency") }}') as currency,
        campaigns.started_date,
        case
            when campaigns.ended_date is null then {{ as_of_date() }}
            else greatest(campaigns.ended_date, campaigns.started_date)
        end as last_date

    from campaigns
    left join advertised on campaigns.campaign_key = advertised.campaign_key
    where campaigns.is_acquisition and advertised.campaign_key is null

),

spread as (

    select
        periods.grain,
        periods.period_start,
        planned.campaign_key,
        planned.currency,
        periods.last_month as rate_month,
        planned.cost,
        {{ days_between(
            'greatest(planned.started_date, periods.period_start)',
            'least(' ~ add_days('planned.last_date', 1) ~ ', periods.counted_to)'
        ) }} as days_in_period,
        {{ days_between('planned.started_date', 'planned.last_date') }} + 1 as days_in_all

    from planned
    inner join periods
        on planned.started_date < periods.counted_to
        and planned.last_date >= periods.period_start

),

advertising as (

    select
        days.grain,
        days.period_start,
        ads.campaign_key,
        coalesce(ads.currency, '{{ var("reporting_currency") }}') as currency,
        cast(date_trunc('month', ads.date) as date) as rate_month,
        sum(ads.cost) as cost,
        1 as days_in_period,
        1 as days_in_all

    from ads
    inner join days on ads.date = days.day
    left join campaigns on ads.campaign_key = campaigns.campaign_key
    where coalesce(campaigns.is_acquisition, true)
    group by
        days.grain, days.period_start, ads.campaign_key,
        coalesce(ads.currency, '{{ var("reporting_currency") }}'),
        cast(date_trunc('month', ads.date) as date)

),

costs as (

    select * from spread

    union all

    select * from advertising

),

converted as (

    select
        costs.grain,
        costs.period_start,
        costs.campaign_key,
        costs.currency,
        costs.rate_month,
        costs.cost,
        costs.days_in_period,
        costs.days_in_all,
        rates.rate as fx_rate,
        {{ money(
            'cast(' ~ money('costs.cost * rates.rate') ~ ' * costs.days_in_period as double)'
            ~ ' / costs.days_in_all'
        ) }} as cost_amount

    from costs
    left join rates
        on costs.currency = rates.currency and costs.rate_month = rates.month_start

)

select * from converted
