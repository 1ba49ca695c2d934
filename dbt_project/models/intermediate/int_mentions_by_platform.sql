with

mentions as (

    select
        platform,
        coalesce(is_ugc, false) as is_ugc,
        rating,
        {{ business_date('occurred_at') }} as day

    from {{ ref('stg_sns__mentions') }}
    where occurred_at < {{ end_of_as_of() }}

),

{% set measures = [
    ('mentions', 'count(*)'),
    ('ugc', 'sum(case when fact.is_ugc then 1 else 0 end)'),
    ('rated', 'count(fact.rating)'),
    ('ratings', 'sum(fact.rating)'),
    ('squares', 'sum(fact.rating * fact.rating)'),
] -%}
collapsed as (
    {{ collapse('mentions', measures, event_cuts=['platform'], key='platform') }}
)

select * from collapsed
