{#- What people made and showed of the company: in its community, and in mentions. Only a
    mention has a platform. -#}
with

community_acts as (

    select * from {{ ref('int_community_acts') }}
    where is_ugc

),

mentions as (

    select * from {{ ref('int_mentions') }}
    where is_ugc

),

ugc as (

    select
        cast(null as string) as platform,
        occurred_date as day
    from community_acts

    union all

    select
        platform,
        occurred_date as day
    from mentions

),

collapsed as (
    {{ collapse('ugc', [('ugc', 'count(*)')], event_cuts=['platform'], key='platform') }}
)

select * from collapsed
