with

tickets as (

    select * from {{ ref('stg_crm__support_tickets') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

timed as (

    select * from {{ ref('int_tickets') }}

),

-- the delivered status may tell of a resolution after the as-of date
described as (

    select
        timed.ticket_key,
        analysed.person_key,
        tickets.system,
        tickets.ticket_id,
        tickets.channel,
        timed.category,
        tickets.priority,
        tickets.reopened_count,
        timed.first_response_hours,
        timed.resolution_hours,
        analysed.person_key is null as is_anonymous,
        timed.resolved_at is not null as is_resolved,
        timed.is_satisfied,
        timed.opened_date,
        cast(timed.opened_at as timestamp) as opened_at,
        cast(timed.first_responded_at as timestamp) as first_responded_at,
        cast(timed.resolved_at as timestamp) as resolved_at

    from timed
    left join analysed on timed.person_key = analysed.person_key
    inner join tickets on timed.ticket_key = tickets.ticket_key

)

select * from described
