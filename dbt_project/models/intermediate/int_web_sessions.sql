{%- set columns -%}
        session_id,
        system,
        anonymous_key,
        customer_key,
        first_event_id,
        platform,
        utm_campaign,
        event_count,
        {%- for event in web_event_names() %}
        {{ event }}_count,
        {%- endfor %}
        started_at,
        ended_at
{%- endset -%}
with

visits as (

    select * from {{ ref('int_web_visits') }}

),

visitors as (

    select
        anonymous_key,
        person_key
    from {{ ref('int_web_visitors') }}
    where person_key is not null

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

reached as (

    select
        *,
        max(ended_at) over (
            partition by anonymous_key order by started_at
            rows between unbounded preceding and 1 preceding
        ) as reached_at

    from visits
    where session_key is null

),

-- visits that begin at one instant share their number
numbered as (

    select
        *,
        sum(case
            when started_at < reached_at + interval '30' minute then 0 else 1
        end) over (partition by anonymous_key order by started_at) as session_number

    from reached

),

assigned as (

    select
        session_key,
        {{ columns }}

    from visits
    where session_key is not null

    union all

    select
        anonymous_key || '#' || cast(session_number as string) as session_key,
        {{ columns }}

    from numbered

),

resolved as (

    select
        assigned.*,
        coalesce(person_ids.person_key, visitors.person_key) as person_key

    from assigned
    left join person_ids on assigned.customer_key = person_ids.customer_key
    left join visitors on assigned.anonymous_key = visitors.anonymous_key

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
