with

searches as (

    select * from {{ ref('stg_web__search_daily') }}
    where date <= {{ as_of_date() }}

),

daily as (

    select
        date as day,
        count(*) as row_count,
        sum(impressions) as impressions,
        count(case when impressions is not null then clicks end) as click_rows,
        sum(case when impressions is not null then clicks end) as clicks,
        sum(case when clicks is not null then impressions end) as clicked_impressions,
        count(case when impressions is not null then average_position end)
            as position_rows,
        sum(cast(average_position * impressions as decimal(38, 4)))
            as weighted_positions,
        sum(case when average_position is not null then impressions end)
            as positioned_impressions

    from searches
    group by date

),

collapsed as (
    {{ collapse('daily', [
        ('row_count', 'sum(fact.row_count)'),
        ('impressions', 'sum(fact.impressions)'),
        ('click_rows', 'sum(fact.click_rows)'),
        ('clicks', 'sum(fact.clicks)'),
        ('clicked_impressions', 'sum(fact.clicked_impressions)'),
        ('position_rows', 'sum(fact.position_rows)'),
        ('weighted_positions', 'sum(fact.weighted_positions)'),
        ('positioned_impressions', 'sum(fact.positioned_impressions)'),
    ], key='day') }}
)

select * from collapsed
