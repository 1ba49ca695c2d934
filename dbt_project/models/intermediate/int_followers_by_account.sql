with

readings as (

    select * from {{ ref('int_account_readings') }}

),

{% set measures = [
    ('followers', 'max(case when fact.next_day is null or fact.next_day >= days.period_end'
        ~ ' then fact.followers end)'),
    ('followers_before', 'max(case when fact.previous_day < days.period_start'
        ~ ' then fact.previous_followers end)'),
    ('has_ended', 'max(case when days.period_end <= ' ~ day_after_as_of()
        ~ ' then 1 else 0 end)'),
] -%}
collapsed as (
    {{ collapse('readings', measures, event_cuts=['platform'], key='account') }}
),

compared as (

    select
        *,
        case
            when has_ended = 1 and followers_before is not null
                then followers - followers_before
        end as followers_won

    from collapsed

)

select * from compared
