with

acts as (

    select * from {{ ref('int_community_acts') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

mentions as (

    select * from {{ ref('int_mentions') }}

),

activity as (

    select
        'community:' || event_key as activity_key,
        person_key,
        system,
        event_id as source_id,
        event_type as activity_type,
        channel,
        community_event_id,
        cast(null as double) as rating,
        is_ugc,
        is_contribution,
        occurred_date,
        cast(occurred_at as timestamp) as occurred_at

    from acts

    union all

    select
        'mention:' || platform || ':' || mention_key as activity_key,
        person_key,
        system,
        mention_id as source_id,
        'mention' as activity_type,
        platform as channel,
        cast(null as string) as community_event_id,
        cast(rating as double) as rating,
        is_ugc,
        false as is_contribution,
        occurred_date,
        cast(occurred_at as timestamp) as occurred_at

    from mentions

),

shown as (

    select
        activity.activity_key,
        analysed.person_key,
        activity.system,
        activity.source_id,
        activity.activity_type,
        activity.channel,
        activity.community_event_id,
        activity.rating,
        activity.is_ugc,
        activity.is_contribution,
        activity.occurred_date,
        activity.occurred_at

    from activity
    left join analysed on activity.person_key = analysed.person_key

)

select * from shown
