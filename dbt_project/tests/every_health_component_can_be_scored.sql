-- A part without a weight or without two ends would quietly leave the score.
with

components as (

    select * from {{ ref('health_components') }}

),

unusable as (

    select *
    from components
    where not coalesce(weight >= 0 and zero_score_at <> full_score_at, false)

)

select * from unusable
