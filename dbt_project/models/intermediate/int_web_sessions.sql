with

visits as (

    select * from {{ ref('int_web_visits') }}

),

visitors as (

    select * from {{ ref('int_web_visitors') }}
    where person_key is not null

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

resolved as (

    select
        visits.*,
        coalesce(person_ids.person_key, visitors.person_key) as person_key

    from visits
    left join person_ids on visits.customer_key = person_ids.customer_key
    left join visitors on visits.anonymous_key = visitors.anonymous_key

),

collapsed as (

    select
        session_key,
        session_id,
        system,
        case when min(person_key) = max(person_key) then min(person_key) end as person_key,
        min({{ record(['started_at', 'first_event_id', 'platform', 'utm_campaign']) }})
            as first_visit,
        max(ended_at) as ended_at,
        cast(sum(event_count) as bigint) as event_count
        {%- for event in web_event_names() %},
        cast(sum({{ event }}_count) as bigint) as {{ event }}_count
        {%- endfor %}

    from resolved
    group by session_key, session_id, system

),

timed as (

    select
        *,
        first_visit.platform as platform,
        first_visit.utm_campaign as campaign_id,
        {{ web_campaign_key('system', 'first_visit.utm_campaign') }} as campaign_key,
        first_visit.started_at as started_at

    from collapsed

),

sessions as (

    select
        session_key,
        session_id,
        system,
        person_key,
        platform,
        campaign_key,
        campaign_id,
        event_count,
        {%- for event in web_event_names() %}
        {{ event }}_count,
        {%- endfor %}
        cast({{ seconds_between('started_at', 'ended_at') }} as decimal(18, 6))
            as dwell_seconds,
        {{ business_date('started_at') }} as session_date,
        started_at,
        ended_at

    from timed

)

select * from sessions
