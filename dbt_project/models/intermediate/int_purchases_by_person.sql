{%- set sums = dict(purchase_sums(), **first_purchase_sums()) -%}
with

purchases as (

    select * from {{ ref('int_purchases') }}

),

by_month as (

    select * from {{ ref('int_purchases_by_month') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

days_and_weeks as (
    {{ collapse('purchases', summed(sums) + [
        ('goods_orders', 'count(fact.goods_amount)'),
        ('upgrades', upgrades_since('days.period_start')),
    ], only=['day', 'week']) }}
),

-- of a quarter or year the first day is in the calendar with each month's
quarters_and_years as (

    select
        days.grain,
        days.period_start,
        fact.segment_dimension,
        fact.segment_value,
        fact.person_key,
        {%- for name, aggregate in summed(dict(sums, goods_orders='whole')) %}
        {{ aggregate }} as {{ name }},
        {%- endfor %}
        max(case days.grain
            when 'quarter' then fact.upgrades_in_quarter else fact.upgrades_in_year
        end) as upgrades

    from by_month as fact
    inner join {{ ref('int_period_days') }} as days on fact.period_start = days.day
    where days.grain in ('quarter', 'year')
    group by
        days.grain, days.period_start, fact.segment_dimension, fact.segment_value,
        fact.person_key

),

collapsed as (

    select * from days_and_weeks

    union all

    select
        grain,
        period_start,
        segment_dimension,
        segment_value,
        person_key,
        {%- for name in sums %}
        {{ name }},
        {%- endfor %}
        goods_orders,
        upgrades_in_month as upgrades

    from by_month

    union all

    select * from quarters_and_years

),

flagged as (

    select
        collapsed.*,
        case
            when collapsed.second_ordered_date < periods.period_end then 1 else 0
        end as is_new_and_repeats,
        case
            when collapsed.first_ordered_date < collapsed.period_start then 1 else 0
        end as ordered_before,
        case
            when collapsed.first_category_date >= collapsed.period_start then 1 else 0
        end as orders_new_category,
        case
            when collapsed.first_family_date < collapsed.period_start then 1 else 0
        end as orders_known_family,
        case
            when collapsed.person_key is not null and collapsed.orders > 0 then 1 else 0
        end as is_buyer,
        case
            when collapsed.person_key is not null and collapsed.orders > 1 then 1 else 0
        end as is_repeater,
        case
            when collapsed.person_key is not null
                and collapsed.orders > collapsed.first_orders then 1
            else 0
        end as is_returning

    from collapsed
    inner join periods
        on collapsed.grain = periods.grain and collapsed.period_start = periods.period_start

)

select * from flagged
