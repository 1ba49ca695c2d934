-- A part that is full at nothing, or a table without any weight, would leave scores unknown.
with

components as (

    select * from {{ ref('behaviour_components') }}

),

weighed as (

    select
        component,
        full_score_at,
        weight,
        sum(weight) over () as weights,
        count(*) over (partition by component) as row_count

    from components

),

unusable as (

    select *
    from weighed
    where not coalesce(
        full_score_at > 0 and weight >= 0 and weights > 0 and row_count = 1, false
    )

)

select * from unusable
