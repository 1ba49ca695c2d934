with

answers as (

    select * from {{ ref('stg_survey__answers') }}

),

delivered as (

    select response_key from {{ ref('stg_survey__responses') }}

),

responses as (

    select * from {{ ref('int_responses') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

votes as (

    select * from {{ ref('int_votes') }}

),

-- an answer whose response is not delivered yet is kept; one from after the as-of date
-- does not exist
known as (

    select
        answers.response_key,
        answers.response_id,
        answers.system,
        answers.question_code,
        case
            when substring(answers.question_code, 1, 8) = 'empathy_' then 'empathy_index'
            when substring(answers.question_code, 1, 11) = 'attachment_'
                then 'attachment_index'
            else answers.question_code
        end as vote,
        answers.numeric_value,
        answers.text_value is not null as has_text,
        responses.response_key is not null as has_response

    from answers
    left join responses on answers.response_key = responses.response_key
    left join delivered on answers.response_key = delivered.response_key
    where responses.response_key is not null or delivered.response_key is null

),

described as (

    select
        known.response_key,
        known.system,
        known.response_id,
        known.question_code,
        analysed.person_key,
        responses.survey_id,
        responses.survey_kind,
        case
            when responses.person_key is null or analysed.person_key is not null
                then responses.invitation_key
        end as invitation_key,
        case
            when responses.person_key is null or analysed.person_key is not null
                then responses.order_key
        end as order_key,
        responses.touchpoint,
        responses.store_id,
        responses.department,
        cast(known.numeric_value as double) as score,
        case
            when known.question_code = 'nps' then {{ nps_class('known.numeric_value') }}
        end as nps_class,
        cast(responses.weight as double) as weight,
        case
            when not known.has_response then 'response unknown'
            when not responses.is_complete then 'response not complete'
            when responses.survey_kind is null then 'survey unknown'
            when known.numeric_value is null then 'no score'
        end as left_out_because,
        analysed.person_key is null as is_anonymous,
        coalesce(responses.is_complete, false) as is_complete,
        known.has_text,
        votes.next_day as superseded_date,
        votes.next_day_at_touchpoint as superseded_at_touchpoint_date,
        responses.responded_date,
        cast(responses.responded_at as timestamp) as responded_at

    from known
    left join responses on known.response_key = responses.response_key
    left join analysed on responses.person_key = analysed.person_key
    left join votes
        on known.response_key = votes.response_key
        and known.vote = votes.question_code

),

flagged as (

    select
        response_key,
        system,
        response_id,
        question_code,
        person_key,
        survey_id,
        survey_kind,
        invitation_key,
        order_key,
        touchpoint,
        store_id,
        department,
        score,
        nps_class,
        weight,
        left_out_because is null as is_counted,
        left_out_because,
        is_anonymous,
        is_complete,
        has_text,
        superseded_date,
        superseded_at_touchpoint_date,
        responded_date,
        responded_at

    from described

)

select * from flagged
