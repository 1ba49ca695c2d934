with

tickets as (

    select * from {{ ref('stg_crm__support_tickets') }}
    where opened_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

email_owners as (

    select * from {{ ref('int_email_owners') }}

),

-- an answer after the as-of date has not been given yet
known as (

    select
        tickets.ticket_key,
        coalesce(person_ids.person_key, email_owners.person_key) as person_key,
        coalesce(tickets.category, 'unknown') as category,
        tickets.is_satisfied,
        {{ business_date('tickets.opened_at') }} as opened_date,
        tickets.opened_at,
        case
            when tickets.first_responded_at < {{ end_of_as_of() }}
                then tickets.first_responded_at
        end as first_responded_at,
        case
            when tickets.resolved_at < {{ end_of_as_of() }} then tickets.resolved_at
        end as resolved_at

    from tickets
    left join person_ids on tickets.customer_key = person_ids.customer_key
    left join email_owners on tickets.requester_email = email_owners.email

),

timed as (

    select
        *,
        {{ seconds_between('opened_at', 'first_responded_at') }} / 3600
            as first_response_hours,
        {{ seconds_between('opened_at', 'resolved_at') }} / 3600 as resolution_hours

    from known

)

select * from timed
