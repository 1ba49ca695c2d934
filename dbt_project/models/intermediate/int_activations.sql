{%- set window_days = 30 -%}
with

persons as (

    select * from {{ ref('int_persons') }}
    where created_date is not null

),

orders as (

    select * from {{ ref('int_orders') }}
    where person_key is not null

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

app_uses as (

    select * from {{ ref('int_app_uses') }}
    where person_key is not null and feature_uses > 0

),

gains as (

    select
        person_key,
        ordered_date as gained_date
    from orders

    union all

    select
        person_key,
        started_date as gained_date
    from subscriptions

    union all

    select
        person_key,
        day as gained_date
    from app_uses

),

firsts as (

    select
        persons.person_key,
        min(gains.gained_date) as first_value_date

    from persons
    inner join gains
        on persons.person_key = gains.person_key
        and gains.gained_date >= persons.created_date
        and gains.gained_date <= {{ add_days('persons.created_date', window_days) }}
    group by persons.person_key

),

activations as (

    select
        persons.person_key,
        persons.created_date as day,
        firsts.first_value_date,
        case when firsts.person_key is not null then 1 else 0 end as is_activated,
        cast(
            {{ days_between('persons.created_date', 'firsts.first_value_date') }} as double
        ) as days_to_first_value

    from persons
    left join firsts on persons.person_key = firsts.person_key

)

select * from activations
