with

responses as (

    select * from {{ ref('stg_survey__responses') }}
    where responded_at < {{ end_of_as_of() }}

),

surveys as (

    select * from {{ ref('stg_survey__surveys') }}

),

invitations as (

    select * from {{ ref('int_invitations') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

email_owners as (

    select * from {{ ref('int_email_owners') }}

),

described as (

    select
        responses.response_key,
        coalesce(
            person_ids.person_key, invitations.person_key, email_owners.person_key
        ) as person_key,
        responses.survey_key,
        responses.invitation_key,
        responses.order_key,
        responses.store_key,
        responses.system,
        responses.response_id,
        responses.survey_id,
        responses.store_id,
        surveys.kind as survey_kind,
        responses.touchpoint,
        responses.department,
        responses.weight,
        coalesce(responses.is_complete, true) as is_complete,
        responses.responded_at,
        {{ business_date('responses.responded_at') }} as responded_date

    from responses
    left join surveys on responses.survey_key = surveys.survey_key
    left join invitations on responses.invitation_key = invitations.invitation_key
    left join person_ids on responses.customer_key = person_ids.customer_key
    left join email_owners on responses.email = email_owners.email

)

select * from described
