{%- set columns -%}
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

delivered as (

    select * from {{ ref('int_web_visits') }}
    where session_key is not null

),

loose as (

    select * from {{ ref('int_web_visits') }}
    where session_key is null

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

    from loose

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
        false as is_built,
        {{ columns }}

    from delivered

    union all

    select
        anonymous_key || '#' || cast(session_number as string) as session_key,
        true as is_built,
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
        is_built,
        case
            when min(person_key) = max(person_key) then min(person_key)
        end as person_key,
        min({{ record([
            'started_at', 'first_event_id', 'platform', 'utm_campaign', 'system',
        ]) }}) as first_visit,
        max(ended_at) as ended_at,
        cast(sum(event_count) as bigint) as event_count
        {%- for event in web_event_names() %},
        cast(sum({{ event }}_count) as bigint) as {{ event }}_count
        {%- endfor %}

    from resolved
    group by session_key, is_built

),

timed as (

    select
        *,
        first_visit.system as system,
        first_visit.platform as platform,
        first_visit.utm_campaign as campaign_id,
        {{ web_key('campaign_id', 'first_visit.system', 'first_visit.utm_campaign') }}
            as campaign_key,
        first_visit.started_at as started_at

    from collapsed

),

sessions as (

    select
        session_key,
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
        is_built,
        {{ business_date('started_at') }} as session_date,
        started_at,
        ended_at

    from timed

)

select * from sessions
