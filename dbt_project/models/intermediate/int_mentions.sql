with

mentions as (

    select * from {{ ref('stg_sns__mentions') }}
    where occurred_at < {{ end_of_as_of() }}

),

identities as (

    select * from {{ ref('stg_crm__identities') }}
    where identity_type = 'sns_handle'
        and (linked_at is null or linked_at < {{ end_of_as_of() }})

),

linking as (

    {{ persons_who_allow('sns_linking') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

-- a link names the platform, or the system that delivers its mentions
places as (

    select
        mention_key,
        platform,
        author_handle,
        platform as place
    from mentions

    union

    select
        mention_key,
        platform,
        author_handle,
        lower(system) as place
    from mentions

),

-- a handle that two persons claim is nobody's
authors as (

    select
        places.mention_key,
        places.platform,
        min(person_ids.person_key) as person_key

    from places
    inner join identities
        on places.author_handle = identities.identity_value
        and places.place = lower(trim(identities.identity_system))
    inner join person_ids on identities.customer_key = person_ids.customer_key
    group by places.mention_key, places.platform
    having min(person_ids.person_key) = max(person_ids.person_key)

),

known as (

    select
        mentions.mention_key,
        linking.person_key,
        mentions.platform,
        mentions.system,
        mentions.mention_id,
        mentions.rating,
        coalesce(mentions.is_ugc, false) as is_ugc,
        {{ business_date('mentions.occurred_at') }} as occurred_date,
        mentions.occurred_at

    from mentions
    left join authors
        on mentions.mention_key = authors.mention_key
        and mentions.platform = authors.platform
    left join linking on authors.person_key = linking.person_key

)

select * from known
