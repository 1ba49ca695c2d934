{#- The one pass over the events, from which sessions, visitors and app use are counted.
    Only the events without a session of their own are sorted. -#}
{%- set columns = [
    'anonymous_key', 'customer_key', 'system', 'event_id', 'occurred_at', 'event_name',
    'platform', 'utm_campaign',
] -%}
{%- set app_events = "('app_open', 'login', 'feature_use')" -%}
with

-- each half reads the feed for itself, so that no engine keeps all its events aside
sessioned as (

    select
        session_key,
        session_id,
        {{ columns | join(',\n        ') }}

    from {{ ref('stg_web__web_events') }}
    where session_key is not null and occurred_at < {{ end_of_as_of() }}

),

preceded as (

    select
        {{ columns | join(',\n        ') }},
        lag(occurred_at) over (
            partition by anonymous_key order by occurred_at
        ) as previous_at

    from {{ ref('stg_web__web_events') }}
    where session_key is null and occurred_at < {{ end_of_as_of() }}

),

numbered as (

    select
        *,
        sum(case
            when occurred_at < previous_at + interval '30' minute then 0 else 1
        end) over (partition by anonymous_key order by occurred_at) as session_number

    from preceded

),

events as (

    select * from sessioned

    union all

    select
        anonymous_key || '#' || cast(session_number as string) as session_key,
        cast(null as string) as session_id,
        {{ columns | join(',\n        ') }}

    from numbered

),

described as (

    select
        *,
        case
            when event_name in {{ app_events }} then {{ business_date('occurred_at') }}
        end as app_date,
        case when event_name in {{ app_events }} then platform end as app_platform

    from events

),

collapsed as (

    select
        session_key,
        session_id,
        system,
        anonymous_key,
        customer_key,
        app_date,
        app_platform,
        min({{ record(['occurred_at', 'event_id', 'platform', 'utm_campaign']) }})
            as first_event,
        max(occurred_at) as ended_at,
        count(*) as event_count
        {%- for event in web_event_names() %},
        count(case when event_name = '{{ event }}' then 1 end) as {{ event }}_count
        {%- endfor %}

    from described
    group by
        session_key, session_id, system, anonymous_key, customer_key, app_date, app_platform

),

visits as (

    select
        session_key,
        session_id,
        system,
        anonymous_key,
        customer_key,
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
        ended_at

    from collapsed

)

select * from visits
