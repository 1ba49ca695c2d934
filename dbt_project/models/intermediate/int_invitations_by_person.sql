with

invitations as (

    select
        *,
        sent_date as day

    from {{ ref('int_invitations') }}

),

{% set measures = [
    ('invitations', 'count(*)'),
    ('answered', 'sum(case when fact.is_answered then 1 else 0 end)'),
] -%}
collapsed as (
    {{ collapse('invitations', measures, event_cuts=['touchpoint']) }}
)

select * from collapsed
