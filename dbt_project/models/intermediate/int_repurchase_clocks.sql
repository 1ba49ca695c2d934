{#- When each person should order again, and how unusual the wait since the last order is.
    Orders of one business date are one purchase. Own intervals count with their number,
    those of the favourite category like `repurchase_shrinkage_intervals` of them. -#}
with

orders as (

    select distinct
        person_key,
        ordered_date

    from {{ ref('int_orders') }}
    where person_key is not null

),

favourites as (

    select * from {{ ref('int_favourite_categories') }}

),

purchases as (

    select
        orders.person_key,
        favourites.favourite_category,
        orders.ordered_date,
        {{ days_between(
            'lag(orders.ordered_date) over (
                partition by orders.person_key order by orders.ordered_date
            )',
            'orders.ordered_date',
        ) }} as interval_days

    from orders
    left join favourites on orders.person_key = favourites.person_key

),

own as (

    select
        person_key,
        favourite_category,
        max(ordered_date) as last_ordered_date,
        {{ days_between('max(ordered_date)', as_of_date()) }} as days_waited,
        count(interval_days) as interval_count,
        median(interval_days) as interval_days

    from purchases
    group by person_key, favourite_category

),

-- the whole company stands beside its categories, without a name
intervals as (

    select
        favourite_category as category,
        interval_days

    from purchases
    where interval_days is not null and favourite_category is not null

    union all

    select
        '' as category,
        interval_days

    from purchases
    where interval_days is not null

),

yardsticks as (

    select
        category,
        count(*) as interval_count,
        median(interval_days) as interval_days

    from intervals
    group by category

),

-- a category in which nobody came twice is no yardstick
measured as (

    select
        own.*,
        coalesce(yardsticks.category, '') as category

    from own
    left join yardsticks on own.favourite_category = yardsticks.category

),

own_ended as (

    select
        measured.person_key,
        count(*) as ended_count

    from purchases
    inner join measured on purchases.person_key = measured.person_key
    where purchases.interval_days <= measured.days_waited
    group by measured.person_key

),

-- how many intervals of a yardstick were over after so many days, in one pass over both
lengths as (

    select
        category,
        interval_days as days,
        1 as intervals

    from intervals

    union all

    select distinct
        category,
        days_waited as days,
        0 as intervals

    from measured

),

ended as (

    select
        category,
        days,
        sum(sum(intervals)) over (partition by category order by days) as ended_count

    from lengths
    group by category, days

),

compared as (

    select
        measured.person_key,
        measured.last_ordered_date,
        measured.days_waited,
        cast(measured.interval_count as double) as own_count,
        cast(measured.interval_days as double) as own_days,
        cast(coalesce(own_ended.ended_count, 0) as double) as own_ended,
        cast({{ threshold('repurchase_shrinkage_intervals') }} as double) as strength,
        cast(yardsticks.interval_days as double) as usual_days,
        cast(ended.ended_count as double) / yardsticks.interval_count as usual_ended_share

    from measured
    left join own_ended on measured.person_key = own_ended.person_key
    left join yardsticks on measured.category = yardsticks.category
    left join ended
        on measured.category = ended.category and measured.days_waited = ended.days

),

shrunk as (

    select
        person_key,
        last_ordered_date,
        days_waited,
        (own_count * coalesce(own_days, 0) + strength * usual_days)
        / nullif(own_count + strength, 0) as repurchase_interval_days,
        100 * (own_ended + strength * usual_ended_share)
        / nullif(own_count + strength, 0) as days_late_percentile

    from compared

),

clocks as (

    select
        person_key,
        repurchase_interval_days,
        cast(days_waited - round(repurchase_interval_days) as bigint) as days_late,
        days_late_percentile,
        {{ add_days('last_ordered_date', 'round(repurchase_interval_days)') }}
            as expected_order_date

    from shrunk

)

select * from clocks
