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

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

-- a handle that two persons claim is nobody's
authors as (

    select
        lower(trim(identities.identity_system)) as platform,
        identities.identity_value as author_handle,
        min(person_ids.person_key) as person_key

    from identities
    inner join person_ids on identities.customer_key = person_ids.customer_key
    group by lower(trim(identities.identity_system)), identities.identity_value
    having min(person_ids.person_key) = max(person_ids.person_key)

),

known as (

    select
        mentions.mention_key,
        authors.person_key,
        mentions.platform,
        mentions.system,
        mentions.mention_id,
        mentions.rating,
        coalesce(mentions.is_ugc, false) as is_ugc,
        {{ business_date('mentions.occurred_at') }} as occurred_date,
        mentions.occurred_at

    from mentions
    left join authors
        on mentions.platform = authors.platform
        and mentions.author_handle = authors.author_handle

)

select * from known
