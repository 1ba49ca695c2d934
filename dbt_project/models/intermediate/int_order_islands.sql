with

orders as (

    select distinct
        person_key,
        ordered_date

    from {{ ref('int_orders') }}
    where person_key is not null

),

neighboured as (

    select
        person_key,
        ordered_date,
        lag(ordered_date) over (
            partition by person_key order by ordered_date
        ) as previous_date

    from orders

),

numbered as (

    select
        person_key,
        ordered_date,
        sum(case
            when previous_date is null
                or {{ days_between('previous_date', 'ordered_date') }}
                > {{ var('inactivity_days') }}
                then 1
            else 0
        end) over (partition by person_key order by ordered_date) as island_number

    from neighboured

),

-- active at the beginning of a date: an order on one of the dates before it
islands as (

    select
        person_key,
        island_number,
        {{ add_days('min(ordered_date)', 1) }} as active_from,
        {{ add_days('max(ordered_date)', var('inactivity_days')) }} as active_to

    from numbered
    group by person_key, island_number

)

select * from islands
