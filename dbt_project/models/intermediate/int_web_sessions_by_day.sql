with

sessions as (

    select * from {{ ref('int_web_sessions') }}

),

daily as (

    select
        session_date as day,
        platform,
        {{ cut_id('sessions', 'campaign') }} as campaign,
        count(*) as sessions,
        count(case when event_count = 1 then 1 end) as bounces,
        sum(case when event_count > 1 then dwell_seconds end) as dwell_seconds,
        sum(case
            when event_count > 1
                then dwell_seconds * cast(dwell_seconds as decimal(19, 6))
        end) as dwell_seconds_squared,
        sum(page_view_count + product_view_count) as pages,
        count(case when document_download_count > 0 then 1 end) as with_download,
        count(case when purchase_count > 0 then 1 end) as with_purchase,
        count(case when add_to_cart_count > 0 then 1 end) as with_cart,
        count(case when add_to_cart_count > 0 and purchase_count = 0 then 1 end)
            as with_abandoned_cart,
        count(case when begin_checkout_count > 0 then 1 end) as with_checkout,
        count(case when begin_checkout_count > 0 and purchase_count > 0 then 1 end)
            as with_completed_checkout

    from sessions
    group by session_date, platform, campaign_key, campaign_id

),

collapsed as (
    {{ collapse('daily', [
        ('sessions', 'sum(fact.sessions)'),
        ('bounces', 'sum(fact.bounces)'),
        ('dwell_seconds', 'sum(fact.dwell_seconds)'),
        ('dwell_seconds_squared', 'sum(fact.dwell_seconds_squared)'),
        ('pages', 'sum(fact.pages)'),
        ('with_download', 'sum(fact.with_download)'),
        ('with_purchase', 'sum(fact.with_purchase)'),
        ('with_cart', 'sum(fact.with_cart)'),
        ('with_abandoned_cart', 'sum(fact.with_abandoned_cart)'),
        ('with_checkout', 'sum(fact.with_checkout)'),
        ('with_completed_checkout', 'sum(fact.with_completed_checkout)'),
    ], event_cuts=['platform', 'campaign'], key='day') }}
)

select * from collapsed
