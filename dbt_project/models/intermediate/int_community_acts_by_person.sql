with

acts as (

    select * from {{ ref('int_community_acts') }}
    where person_key is not null

),

attended as (

    select distinct
        person_key,
        community_event_key

    from acts
    where event_type = 'event_attended' and community_event_key is not null

),

described as (

    select
        acts.person_key,
        acts.occurred_date as day,
        case when acts.is_contribution then 1 else 0 end as is_contribution,
        case
            when acts.event_type = 'event_registered' then acts.community_event_key
        end as registered_key,
        case
            when acts.event_type = 'event_registered' then attended.community_event_key
        end as attended_key

    from acts
    left join attended
        on acts.person_key = attended.person_key
        and acts.community_event_key = attended.community_event_key

),

-- who registers twice for one event in a period is one pair in it
collapsed as (
    {{ collapse('described', [
        ('contributes', 'max(fact.is_contribution)'),
        ('registrations', 'count(distinct fact.registered_key)'),
        ('attendances', 'count(distinct fact.attended_key)'),
    ]) }}
)

select * from collapsed
