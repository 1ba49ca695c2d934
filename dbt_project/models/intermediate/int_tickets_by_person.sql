with

tickets as (

    select
        *,
        opened_date as day
    from {{ ref('int_tickets') }}

),

collapsed as (
    {{ collapse('tickets', [
        ('tickets', 'count(*)'),
        ('resolved', 'count(fact.resolved_at)'),
        ('rated', 'count(fact.is_satisfied)'),
        ('satisfied', 'count(case when fact.is_satisfied then 1 end)'),
    ], event_cuts=['category']) }}
)

select * from collapsed
