with

uses as (

    select * from {{ ref('int_app_uses') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

collapsed as (
    {{ collapse('uses', [
        ('person_key', 'min(fact.person_key)'),
        ('app_opens', sum_of_whole('fact.app_opens')),
        ('logins', sum_of_whole('fact.logins')),
        ('feature_uses', sum_of_whole('fact.feature_uses')),
        ('platform_days', sum_of_whole('fact.opens_app')),
        ('app_days', sum_of_whole('fact.is_app_day')),
    ], event_cuts=['platform'], key='user_key') }}
),

flagged as (

    select
        collapsed.grain,
        collapsed.period_start,
        collapsed.segment_dimension,
        collapsed.segment_value,
        collapsed.user_key,
        collapsed.person_key,
        collapsed.app_opens,
        collapsed.logins,
        case
            when collapsed.segment_dimension = 'platform' then collapsed.platform_days
            else collapsed.app_days
        end as app_days,
        periods.days_counted,
        case when collapsed.app_opens > 0 then 1 else 0 end as opens_app,
        case when collapsed.logins > 0 then 1 else 0 end as logs_in,
        case
            when collapsed.app_opens > 0 and collapsed.feature_uses > 0 then 1 else 0
        end as uses_feature

    from collapsed
    inner join periods
        on collapsed.grain = periods.grain
        and collapsed.period_start = periods.period_start

)

select * from flagged
