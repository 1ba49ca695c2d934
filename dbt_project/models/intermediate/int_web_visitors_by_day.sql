with

visitors as (

    select * from {{ ref('int_web_visitors') }}

),

daily as (

    select
        first_seen_date as day,
        platform,
        {{ cut_id('visitors', 'campaign') }} as campaign,
        count(*) as visitors

    from visitors
    group by first_seen_date, platform, campaign_key, campaign_id

),

collapsed as (
    {{ collapse('daily', [
        ('visitors', 'sum(fact.visitors)'),
    ], event_cuts=['platform', 'campaign'], key='day') }}
)

select * from collapsed
