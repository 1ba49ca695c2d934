with

events as (

    select * from {{ ref('stg_crm__community_events') }}
    where occurred_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

known as (

    select
        events.event_key,
        person_ids.person_key,
        events.community_event_key,
        events.system,
        events.event_id,
        events.community_event_id,
        events.event_type,
        events.channel,
        events.event_type in ('ugc', 'review') as is_ugc,
        events.event_type in ('post', 'answer', 'review', 'ugc', 'idea')
            as is_contribution,
        {{ business_date('events.occurred_at') }} as occurred_date,
        events.occurred_at

    from events
    left join person_ids on events.customer_key = person_ids.customer_key

)

select * from known
