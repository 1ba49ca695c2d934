{#- The one pass over the events, from which sessions, visitors and app use are counted.
    Events of one half hour by the clock are less than 30 minutes apart: so those
    without a session of their own can be collapsed before anything is sorted, and by
    their short ids: a key is written once for a visit. A session that comes back
    after months is parted by 90 days, less than a stage holds: it did nothing in between. -#}
{{ config(meta={'kept_by': 'stg_web__touched_visitors', 'key': 'anonymous_key'}) }}
{%- set app_events = "('app_open', 'login', 'feature_use')" -%}
{%- set considering = "('product_view', 'document_download', 'add_to_cart')" -%}
{%- set using = "('app_open', 'feature_use')" -%}
{%- set epoch = "timestamp '1970-01-01 00:00:00'" -%}
with

described as (

    select
        session_id,
        system,
        anonymous_id,
        customer_id,
        event_id,
        event_name,
        platform,
        utm_campaign,
        occurred_at,
        cast(floor(
            {{ seconds_between(epoch, 'occurred_at') }}
            / case when session_id is null then 1800 else {{ 90 * 24 * 3600 }} end
        ) as bigint) as stretch,
        case
            when event_name in {{ app_events }} then {{ business_date('occurred_at') }}
        end as app_date,
        case when event_name in {{ app_events }} then platform end as app_platform

    from {{ touched('stg_web__web_events', 'stg_web__touched_visitors', 'anonymous_key') }}
    where occurred_at < {{ end_of_as_of() }}

),

collapsed as (

    select
        system,
        session_id,
        anonymous_id,
        customer_id,
        app_date,
        app_platform,
        min({{ record([
            'occurred_at', 'event_id', 'platform', 'utm_campaign',
        ]) }}) as first_event,
        max(occurred_at) as ended_at,
        min(case when event_name in {{ considering }} then occurred_at end)
            as first_considered_at,
        max(case when event_name in {{ considering }} then occurred_at end)
            as last_considered_at,
        max(case when event_name in {{ using }} then occurred_at end) as last_used_at,
        count(*) as event_count
        {%- for event in web_event_names() %},
        count(case when event_name = '{{ event }}' then 1 end) as {{ event }}_count
        {%- endfor %}

    from described
    group by
        system, session_id, stretch, anonymous_id, customer_id, app_date, app_platform

),

visits as (

    select
        system,
        system || ':' || session_id as session_key,
        system || ':' || anonymous_id as anonymous_key,
        {{ web_key('customer_id', 'system', 'customer_id') }} as customer_key,
        app_date,
        app_platform,
        first_event.event_id as first_event_id,
        first_event.platform as platform,
        first_event.utm_campaign as utm_campaign,
        event_count,
        {%- for event in web_event_names() %}
        {{ event }}_count,
        {%- endfor %}
        first_event.occurred_at as started_at,
        ended_at,
        first_considered_at,
        last_considered_at,
        last_used_at

    from collapsed

)

select * from visits
