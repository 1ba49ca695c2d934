{#- What a survey's kind and a question make of an answer: the figure that it is a vote
    of. A vote ends where the same person gives the next one of its kind: the last of a
    period is the one whose successor lies beyond it, at every grain, so that one pass
    picks the votes of all periods. -#}
{%- set indexes = {'empathy_index': 'empathy_', 'attachment_index': 'attachment_'} -%}
{#- its square still fits into 38 digits -#}
{%- set score = 'decimal(18, 12)' -%}
with

responses as (

    select
        *,
        {{ cut_id('responses', 'store', of='survey_store') }} as store

    from {{ ref('int_responses') }} as responses
    where is_complete

),

answers as (

    select * from {{ ref('stg_survey__answers') }}
    where numeric_value is not null

),

-- of an index the vote of a response is the mean of its items, as 0 to 100
scored as (

    select
        response_key,
        question_code,
        cast(numeric_value as {{ score }}) as score

    from answers
    where question_code in ('nps', 'csat', 'ces')
    {%- for index, items in indexes.items() %}

    union all

    select
        response_key,
        '{{ index }}' as question_code,
        cast(
            25 * cast(sum(numeric_value - 1) as double) / count(*) as {{ score }}
        ) as score

    from answers
    where substring(question_code, 1, {{ items | length }}) = '{{ items }}'
    group by response_key
    {%- endfor %}

),

votes as (

    select
        responses.response_key,
        responses.person_key,
        case
            when responses.person_key is null then responses.response_key
        end as anonymous_key,
        responses.response_id,
        scored.question_code,
        responses.survey_kind,
        case
            when scored.question_code <> 'nps' and responses.survey_kind <> 'employee'
                then scored.question_code
            when scored.question_code = 'nps' then
                case responses.survey_kind
                    when 'relationship' then 'nps'
                    when 'transactional' then 'nps_touchpoint'
                    when 'employee' then 'enps'
                end
        end as figure,
        responses.touchpoint,
        responses.store,
        responses.department,
        scored.score,
        case
            when scored.question_code = 'nps' then {{ nps_class('scored.score') }}
        end as nps_class,
        responses.weight,
        responses.responded_at,
        responses.responded_date as day

    from scored
    inner join responses on scored.response_key = responses.response_key
    where responses.survey_kind is not null

),

ordered as (

    select
        *,
        lead(day) over (
            partition by survey_kind, question_code, person_key, anonymous_key
            order by responded_at, response_id, response_key, score
        ) as next_day_of_kind,
        lead(day) over (
            partition by
                survey_kind, question_code, person_key, anonymous_key, touchpoint
            order by responded_at, response_id, response_key, score
        ) as next_day_of_touchpoint

    from votes

),

-- employees vote once per response; at touchpoints the vote is always on one of them
ended as (

    select
        response_key,
        person_key,
        anonymous_key,
        response_id,
        question_code,
        survey_kind,
        figure,
        touchpoint,
        store,
        department,
        score,
        nps_class,
        weight,
        case
            when survey_kind = 'employee' then null
            when figure = 'nps_touchpoint' then next_day_of_touchpoint
            else next_day_of_kind
        end as next_day,
        case
            when survey_kind <> 'employee' then next_day_of_touchpoint
        end as next_day_at_touchpoint,
        responded_at,
        day

    from ordered

)

select * from ended
