with

ads as (

    select * from {{ ref('stg_web__ads_daily') }}
    where date <= {{ as_of_date() }}

),

daily as (

    select
        date as day,
        platform,
        {{ cut_id('ads', 'campaign') }} as campaign,
        count(*) as row_count,
        sum(impressions) as impressions,
        count(case when impressions is not null then clicks end) as click_rows,
        sum(case when impressions is not null then clicks end) as clicks,
        sum(case when clicks is not null then impressions end) as clicked_impressions,
        count(case when audience_size is not null then reach end) as reach_rows,
        sum(case when audience_size is not null then reach end) as reach,
        sum(case when reach is not null then audience_size end) as audience

    from ads
    group by date, platform, campaign_key, campaign_id

),

collapsed as (
    {{ collapse('daily', [
        ('row_count', 'sum(fact.row_count)'),
        ('impressions', 'sum(fact.impressions)'),
        ('click_rows', 'sum(fact.click_rows)'),
        ('clicks', 'sum(fact.clicks)'),
        ('clicked_impressions', 'sum(fact.clicked_impressions)'),
        ('reach_rows', 'sum(fact.reach_rows)'),
        ('reach', 'sum(fact.reach)'),
        ('audience', 'sum(fact.audience)'),
    ], event_cuts=['platform', 'campaign'], key='day') }}
)

select * from collapsed
