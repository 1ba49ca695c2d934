with

visits as (

    select * from {{ ref('int_web_visits') }}
    where app_date is not null

),

visitors as (

    select * from {{ ref('int_web_visitors') }}
    where person_key is not null

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

resolved as (

    select
        visits.anonymous_key,
        coalesce(person_ids.person_key, visitors.person_key) as person_key,
        visits.app_date as day,
        visits.app_platform as platform,
        visits.app_open_count,
        visits.login_count,
        visits.feature_use_count

    from visits
    left join person_ids on visits.customer_key = person_ids.customer_key
    left join visitors on visits.anonymous_key = visitors.anonymous_key

),

named as (

    select
        *,
        coalesce(person_key, 'anonymous ' || anonymous_key) as user_key

    from resolved

),

uses as (

    select
        user_key,
        person_key,
        day,
        platform,
        {{ sum_of_whole('app_open_count') }} as app_opens,
        {{ sum_of_whole('login_count') }} as logins,
        {{ sum_of_whole('feature_use_count') }} as feature_uses

    from named
    group by user_key, person_key, day, platform

),

-- who opened the app on two platforms used it on one day
numbered as (

    select
        *,
        row_number() over (
            partition by user_key, day
            order by case when app_opens > 0 then 0 else 1 end, platform nulls last
        ) as platform_number

    from uses

),

flagged as (

    select
        user_key,
        person_key,
        day,
        platform,
        app_opens,
        logins,
        feature_uses,
        case when app_opens > 0 then 1 else 0 end as opens_app,
        case when app_opens > 0 and platform_number = 1 then 1 else 0 end as is_app_day

    from numbered

)

select * from flagged
