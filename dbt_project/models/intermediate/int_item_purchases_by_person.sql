with

purchases as (

    select * from {{ ref('int_item_purchases') }}

),

collapsed as (
    {{ collapse('purchases', [
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
    ], event_cuts=['order_channel', 'store', 'campaign', 'category']) }}
)

select * from collapsed
