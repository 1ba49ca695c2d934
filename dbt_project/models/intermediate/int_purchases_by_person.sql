with

purchases as (

    select * from {{ ref('int_purchases') }}

),

by_category as (

    select * from {{ ref('int_purchases_by_category') }}

),

{% set measures = [
    ('orders', sum_of_whole('fact.orders')),
    ('refunds', sum_of_whole('fact.refunds')),
    ('goods_orders', 'count(fact.goods_amount)'),
    ('goods_amount', 'sum(fact.goods_amount)'),
    ('refund_amount', 'sum(fact.refund_amount)'),
    ('profit_amount', 'sum(fact.profit_amount)'),
] -%}
{% set firsts = [
    ('first_orders', sum_of_whole('fact.first_orders')),
    ('first_orders_matured', sum_of_whole('fact.first_orders_matured')),
    ('first_orders_repeated', sum_of_whole('fact.first_orders_repeated')),
    ('is_new_and_repeats',
     'max(case when fact.second_ordered_date < days.period_end then 1 else 0 end)'),
] -%}
{% set bought = [
    ('ordered_before',
     'max(case when fact.first_ordered_date < days.period_start then 1 else 0 end)'),
    ('orders_new_category',
     'max(case when fact.first_category_date >= days.period_start then 1 else 0 end)'),
    ('orders_known_family',
     'max(case when fact.first_family_date < days.period_start then 1 else 0 end)'),
    ('upgrades',
     'max(case when fact.first_graded_date < days.period_start'
     ~ ' and fact.first_as_high_date >= days.period_start then 1 else 0 end)'),
    ('listed_items', sum_of_whole('fact.listed_items')),
    ('listed_amount', 'sum(fact.listed_amount)'),
    ('full_price_amount', 'sum(fact.full_price_amount)'),
    ('referenced_items', sum_of_whole('fact.referenced_items')),
    ('referenced_amount', 'sum(fact.referenced_amount)'),
    ('premium_amount', 'sum(fact.premium_amount)'),
] -%}
{#- the KPIs of new customers are not cut by category -#}
{% set no_firsts = [] -%}
{% for name, _ in firsts -%}{% do no_firsts.append((name, '0')) %}{% endfor -%}
collapsed as (
    {{ collapse('purchases', measures + firsts + bought, event_cuts=[
        'order_channel', 'store', 'campaign',
    ]) }}

    union all
    {{ collapse('by_category', measures + no_firsts + bought, event_cuts=[
        'category',
    ], overall=false) }}
),

flagged as (

    select
        *,
        case when person_key is not null and orders > 0 then 1 else 0 end as is_buyer,
        case when person_key is not null and orders > 1 then 1 else 0 end as is_repeater,
        case
            when person_key is not null and orders > first_orders then 1 else 0
        end as is_returning

    from collapsed

)

select * from flagged
