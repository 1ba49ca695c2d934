with

tickets as (

    select
        *,
        opened_date as day
    from {{ ref('int_tickets') }}

),

-- a median needs the tickets themselves
collapsed as (
    {{ collapse('tickets', [
        ('person_key', 'min(fact.person_key)'),
        ('first_response_hours', 'min(fact.first_response_hours)'),
        ('resolution_hours', 'min(fact.resolution_hours)'),
    ], event_cuts=['category'], key='ticket_key') }}
)

select * from collapsed
