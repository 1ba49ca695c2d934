with

invitations as (

    select * from {{ ref('stg_survey__invitations') }}
    where sent_at < {{ end_of_as_of() }}

),

responses as (

    select * from {{ ref('stg_survey__responses') }}
    where responded_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

answered as (

    select distinct invitation_key
    from responses
    where invitation_key is not null and coalesce(is_complete, true)

),

described as (

    select
        invitations.invitation_key,
        person_ids.person_key,
        invitations.survey_key,
        invitations.channel,
        invitations.touchpoint,
        answered.invitation_key is not null as is_answered,
        invitations.sent_at,
        {{ business_date('invitations.sent_at') }} as sent_date

    from invitations
    left join person_ids on invitations.customer_key = person_ids.customer_key
    left join answered on invitations.invitation_key = answered.invitation_key

)

select * from described
