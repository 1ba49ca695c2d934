with

readings as (

    select * from {{ ref('int_account_readings') }}

),

{% set is_last = 'coalesce(fact.next_day >= days.period_end, true)' -%}
{% set is_first = 'fact.previous_day < days.period_start' -%}
{% set has_ended = 'days.period_end <= ' ~ day_after_as_of() -%}
{% set measures = [
    ('followers', 'max(case when ' ~ is_last ~ ' then fact.followers end)'),
    (
        'followers_before',
        'max(case when ' ~ is_first ~ ' then fact.previous_followers end)',
    ),
    ('series_number', 'max(case when ' ~ is_last ~ ' then fact.series_number end)'),
    (
        'series_number_before',
        'max(case when ' ~ is_first ~ ' then fact.previous_series_number end)',
    ),
    ('has_ended', 'max(case when ' ~ has_ended ~ ' then 1 else 0 end)'),
] -%}
collapsed as (
    {{ collapse('readings', measures, event_cuts=['platform'], key='account') }}
),

compared as (

    select
        grain,
        period_start,
        segment_dimension,
        segment_value,
        account,
        followers,
        has_ended,
        case
            when series_number_before = series_number then followers_before
        end as followers_before

    from collapsed

),

grown as (

    select
        *,
        case when has_ended = 1 then followers - followers_before end as followers_won

    from compared

)

select * from grown
