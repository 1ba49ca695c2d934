with

ads as (

    select * from {{ ref('stg_web__ads_daily') }}
    where date <= {{ as_of_date() }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

described as (

    select
        ads.system,
        ads.platform,
        ads.campaign_key,
        ads.campaign_id,
        ads.ad_id,
        cast(ads.impressions as bigint) as impressions,
        cast(ads.reach as bigint) as reach,
        cast(ads.audience_size as bigint) as audience_size,
        cast(ads.clicks as bigint) as clicks,
        cast(ads.conversions as bigint) as conversions,
        cast({{ money('ads.cost * rates.rate') }} as decimal(38, 4)) as cost_amount,
        {{ percent_of('ads.clicks', 'ads.impressions') }} as click_through_rate,
        {{ percent_of('ads.reach', 'ads.audience_size') }} as daily_reach_rate,
        ads.date as shown_date

    from ads
    left join rates
        on coalesce(ads.currency, '{{ var("reporting_currency") }}') = rates.currency
        and cast(date_trunc('month', ads.date) as date) = rates.month_start

)

select * from described
