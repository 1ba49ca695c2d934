{#- Whatever lifts a person to a stage of the journey, as a stretch of business dates: an
    act has one date, a contract all of those on which it ran. -#}
with

visits as (

    select * from {{ ref('int_web_visits') }}
    where last_considered_at is not null or last_used_at is not null

),

visitors as (

    select * from {{ ref('int_web_visitors') }}
    where person_key is not null

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

orders as (

    select * from {{ ref('int_orders') }}
    where person_key is not null

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

-- a promoter answer is one of any survey of customers
promoter_votes as (

    select * from {{ ref('int_votes') }}
    where nps_class = 'promoter'
        and survey_kind <> 'employee'
        and person_key is not null

),

referrals as (

    select * from {{ ref('int_referrals') }}
    where converted_at is not null

),

community_acts as (

    select * from {{ ref('int_community_acts') }}
    where is_ugc and person_key is not null

),

mentions as (

    select * from {{ ref('int_mentions') }}
    where is_ugc and person_key is not null

),

first_orders as (

    select
        person_key,
        min(ordered_at) as first_ordered_at

    from orders
    group by person_key

),

known_visits as (

    select
        coalesce(person_ids.person_key, visitors.person_key) as person_key,
        visits.app_date,
        visits.first_considered_at,
        visits.last_considered_at,
        visits.last_used_at

    from visits
    left join person_ids on visits.customer_key = person_ids.customer_key
    left join visitors on visits.anonymous_key = visitors.anonymous_key

),

acts as (

    select
        person_key,
        {{ stage_number('consideration') }} as stage_number,
        {{ business_date('first_considered_at') }} as first_date,
        {{ business_date('last_considered_at') }} as last_date
    from known_visits
    where last_considered_at is not null and person_key is not null

    union all

    select
        person_key,
        {{ stage_number('purchase') }} as stage_number,
        ordered_date as first_date,
        ordered_date as last_date
    from orders

    union all

    select
        known_visits.person_key,
        {{ stage_number('use') }} as stage_number,
        known_visits.app_date as first_date,
        known_visits.app_date as last_date
    from known_visits
    inner join first_orders on known_visits.person_key = first_orders.person_key
    where known_visits.last_used_at > first_orders.first_ordered_at

    union all

    select
        person_key,
        {{ stage_number('use') }} as stage_number,
        started_date as first_date,
        coalesce({{ business_date('ended_at') }}, {{ as_of_date() }}) as last_date
    from subscriptions

    union all

    select
        person_key,
        {{ stage_number('advocacy') }} as stage_number,
        day as first_date,
        day as last_date
    from promoter_votes

    union all

    select
        referrer_key as person_key,
        {{ stage_number('advocacy') }} as stage_number,
        {{ business_date('converted_at') }} as first_date,
        {{ business_date('converted_at') }} as last_date
    from referrals

    union all

    select
        person_key,
        {{ stage_number('advocacy') }} as stage_number,
        occurred_date as first_date,
        occurred_date as last_date
    from community_acts

    union all

    select
        person_key,
        {{ stage_number('advocacy') }} as stage_number,
        occurred_date as first_date,
        occurred_date as last_date
    from mentions

),

stretches as (

    select
        person_key,
        stage_number,
        first_date,
        max(last_date) as last_date

    from acts
    group by person_key, stage_number, first_date

)

select * from stretches
