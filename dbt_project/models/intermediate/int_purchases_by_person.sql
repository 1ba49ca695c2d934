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
{#- the KPIs of new customers are not cut by category -#}
{% set no_firsts = [] -%}
{% for name, _ in firsts -%}{% do no_firsts.append((name, '0')) %}{% endfor -%}
collapsed as (
    {{ collapse('purchases', measures + firsts, event_cuts=[
        'order_channel', 'store', 'campaign',
    ]) }}

    union all
    {{ collapse('by_category', measures + no_firsts, event_cuts=['category'], overall=false) }}
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
