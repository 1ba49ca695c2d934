{#- What persons feel beside what they do. One does not cause the other here. -#}
with

behaviour_scores as (

    select * from {{ ref('int_behaviour_scores') }}

),

votes as (

    select * from {{ ref('int_votes') }}
    where figure in ('empathy_index', 'attachment_index')
        and person_key is not null
        and day > {{ add_days(as_of_date(), -365) }}

),

ranked as (

    select
        person_key,
        figure,
        cast(score as double) as score,
        row_number() over (
            partition by person_key, figure
            order by responded_at desc, response_id desc, response_key desc
        ) as lateness

    from votes

),

felt as (

    select
        person_key,
        max(case when figure = 'empathy_index' then score end) as empathy_index,
        max(case when figure = 'attachment_index' then score end) as attachment_index

    from ranked
    where lateness = 1
    group by person_key

),

scored as (

    select
        behaviour_scores.person_key,
        felt.empathy_index,
        felt.attachment_index,
        case
            when felt.empathy_index is null then felt.attachment_index
            when felt.attachment_index is null then felt.empathy_index
            else (felt.empathy_index + felt.attachment_index) / 2
        end as consciousness_score,
        behaviour_scores.behaviour_score

    from behaviour_scores
    left join felt on behaviour_scores.person_key = felt.person_key

),

-- a score that is on a threshold but for its last bits is on it
compared as (

    select
        *,
        round(consciousness_score, 9) >= cast(
            {{ threshold('quadrant_consciousness_score') }} as double
        ) as feels,
        round(behaviour_score, 9) >= cast(
            {{ threshold('quadrant_behaviour_score') }} as double
        ) as does

    from scored

),

placed as (

    select
        person_key,
        empathy_index,
        attachment_index,
        consciousness_score,
        case
            when feels is null then 'unknown'
            when feels and does then 'engaged'
            when feels then 'loyal_inactive'
            when does then 'habitual'
            else 'detached'
        end as engagement_quadrant

    from compared

)

select * from placed
