{#- The textbook formula and its parts, a row per person who ever ordered. -#}
{%- set year_ago = add_days(day_after_as_of(), -365) -%}
with

purchases as (

    select * from {{ ref('int_purchases') }}

),

islands as (

    select * from {{ ref('int_order_islands') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

firsts as (

    select
        person_key,
        min(case when orders = 1 then day end) as first_ordered_date

    from purchases
    where person_key is not null
    group by person_key
    having min(case when orders = 1 then day end) is not null

),

daily as (

    select
        purchases.person_key,
        purchases.day,
        firsts.first_ordered_date,
        {{ days_between('firsts.first_ordered_date', 'purchases.day') }} as day_number,
        {{ days_between('firsts.first_ordered_date', as_of_date()) }} as age_days,
        {{ money('coalesce(purchases.goods_amount, -purchases.refund_amount)') }} as net_amount,
        purchases.profit_amount

    from purchases
    inner join firsts on purchases.person_key = firsts.person_key

),

persons as (

    select
        person_key,
        first_ordered_date,
        age_days,
        sum(net_amount) as net_amount,
        sum(profit_amount) as profit_amount,
        case
            when max(day) <= {{ add_days(as_of_date(), -365) }} then {{ money('0') }}
            else sum(case
                when day > {{ add_days(as_of_date(), -365) }} then net_amount
            end)
        end as net_amount_365_days

    from daily
    group by person_key, first_ordered_date, age_days

),

-- how persons go on: their net revenue by day after the first order
day_numbers as (

    select
        day_number,
        sum(net_amount) as net_amount

    from daily
    where age_days >= 364 and day_number between 0 and 364
    group by day_number

),

ages as (

    select distinct age_days from persons where age_days < 364

),

still_to_come as (

    select
        ages.age_days,
        cast(coalesce(sum(day_numbers.net_amount), 0) as double) / nullif(
            cast((select count(*) from persons where age_days >= 364) as double), 0
        ) as mean_net_amount

    from ages
    left join day_numbers on ages.age_days < day_numbers.day_number
    group by ages.age_days

),

company as (

    select
        cast(sum(profit_amount) as double) / nullif(cast(
            coalesce(sum(goods_amount), 0) - coalesce(sum(refund_amount), 0) as double
        ), 0) as margin

    from purchases

),

stayed as (

    select
        person_key,
        max(case
            when started_at < {{ start_of(year_ago) }}
                and coalesce(ended_at >= {{ start_of(year_ago) }}, true)
                then 1 else 0
        end) as was_active,
        max(case when ended_at is null then 1 else 0 end) as is_active

    from subscriptions
    group by person_key

    union all

    select
        person_key,
        max(case when {{ year_ago }} between active_from and active_to then 1 else 0 end)
            as was_active,
        max(case
            when {{ day_after_as_of() }} between active_from and active_to then 1 else 0
        end) as is_active

    from islands
    where person_key not in (select person_key from subscriptions)
    group by person_key

),

leavers as (

    select
        cast(sum(was_active * (1 - is_active)) as double)
        / nullif(cast(sum(was_active) as double), 0) as share

    from stayed

),

parts as (

    select
        persons.person_key,
        persons.first_ordered_date,
        cast(persons.profit_amount as double) as ltv_historic,
        case
            when persons.age_days >= 364 then cast(persons.net_amount_365_days as double)
            else cast(persons.net_amount as double) + still_to_come.mean_net_amount
        end as annual_value,
        coalesce(
            cast(persons.profit_amount as double)
            / nullif(cast(persons.net_amount as double), 0),
            company.margin
        ) as margin,
        case
            when leavers.share * {{ var('max_tenure_years') }} > 1 then 1 / leavers.share
            when leavers.share is not null then cast({{ var('max_tenure_years') }} as double)
        end as tenure_years,
        1 - leavers.share as yearly_retention

    from persons
    left join still_to_come on persons.age_days = still_to_come.age_days
    cross join company
    cross join leavers

),

valued as (

    select
        person_key,
        first_ordered_date,
        annual_value,
        margin,
        tenure_years,
        ltv_historic,
        annual_value * margin * tenure_years as ltv_simple,
        annual_value * margin * (
            {%- for year in range(var('ltv_horizon_years')) %}
            {% if loop.first -%}
            1
            {%- else -%}
            + {{ (['yearly_retention'] * year) | join(' * ') }}
            / {{ (1 + var('discount_rate')) ** year }}
            {%- endif %}
            {%- endfor %}
        ) as ltv_discounted

    from parts

)

select * from valued
