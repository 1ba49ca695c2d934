with

visits as (

    select * from {{ ref('int_web_visits') }}

),

identities as (

    select * from {{ ref('stg_crm__identities') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

firsts as (

    select
        anonymous_key,
        min({{ record([
            'started_at', 'first_event_id', 'platform', 'utm_campaign', 'system',
        ]) }}) as first_visit

    from visits
    group by anonymous_key

),

systems as (

    select distinct system from visits

),

-- a link names the system or the platform of its value, or neither
links as (

    select
        systems.system || ':' || identities.identity_value as anonymous_key,
        identities.customer_key

    from identities
    left join systems as named
        on lower(identities.identity_system) = lower(named.system)
    inner join systems on named.system is null or named.system = systems.system
    where identities.identity_type = 'web_anonymous_id'
        and (
            identities.linked_at is null
            or identities.linked_at < {{ end_of_as_of() }}
        )

),

known_as as (

    select distinct
        anonymous_key,
        customer_key
    from visits
    where customer_key is not null

    union

    select
        anonymous_key,
        customer_key
    from links

),

resolved as (

    select
        known_as.anonymous_key,
        min(person_ids.person_key) as person_key

    from known_as
    inner join person_ids on known_as.customer_key = person_ids.customer_key
    group by known_as.anonymous_key
    having min(person_ids.person_key) = max(person_ids.person_key)

),

visitors as (

    select
        firsts.anonymous_key,
        resolved.person_key,
        firsts.first_visit.platform as platform,
        {{ web_key(
            'campaign_id', 'firsts.first_visit.system', 'firsts.first_visit.utm_campaign'
        ) }} as campaign_key,
        firsts.first_visit.utm_campaign as campaign_id,
        {{ business_date('firsts.first_visit.started_at') }} as first_seen_date,
        firsts.first_visit.started_at as first_seen_at

    from firsts
    left join resolved on firsts.anonymous_key = resolved.anonymous_key

)

select * from visitors
