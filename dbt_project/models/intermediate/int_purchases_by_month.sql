{#- What a person bought and gave back in a month, of which quarters and years are added up: so a
    stream is read once for all three. -#}
{{ config(meta={'kept_by': 'int_touched_purchasers'}) }}
with

purchases as (

    select * from {{ touched('int_purchases', 'int_touched_purchasers') }}

),

by_category as (

    select * from {{ touched('int_purchases_by_category', 'int_touched_purchasers') }}

),

{% set measures = summed(purchase_sums()) + [
    ('goods_orders', 'count(fact.goods_amount)'),
    ('upgrades_in_month', upgrades_since('days.period_start')),
    ('upgrades_in_quarter', upgrades_since(period_start('quarter', 'fact.day'))),
    ('upgrades_in_year', upgrades_since(period_start('year', 'fact.day'))),
] -%}
{#- the KPIs of new customers are not cut by category -#}
{% set no_firsts = nothing_of(first_purchase_sums()).items() | list -%}
collapsed as (
    {{ collapse('purchases', measures + summed(first_purchase_sums()), event_cuts=[
        'order_channel', 'store', 'campaign',
    ], only=['month']) }}

    union all
    {{ collapse('by_category', measures + no_firsts, event_cuts=[
        'category',
    ], overall=false, only=['month']) }}
)

select * from collapsed
