with

mentions as (

    select
        *,
        occurred_date as day
    from {{ ref('int_mentions') }}

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
