{#- What is bought of a category goes with its order from here on: to the order as a whole
    (`int_purchases`), and to its part of that category (`int_purchases_by_category`). -#}
{{ config(meta={'kept_by': 'int_touched_persons'}) }}
with

items as (

    select * from {{ touched('int_order_items', 'int_touched_persons') }}

),

bought as (

    select * from {{ touched('int_bought_items', 'int_touched_persons') }}

),

gathered as (

    select
        items.order_key,
        items.person_key,
        coalesce(items.category, 'unknown') as category,
        max(case when items.quantity > 0 then 1 else 0 end) = 1 as is_bought,
        sum(items.line_amount) as goods_amount,
        sum(items.profit_amount) as profit_amount,
        max(bought.first_category_date) as first_category_date,
        min(bought.first_family_date) as first_family_date,
        count(items.is_full_price) as listed_items,
        sum(case when items.is_full_price is not null then items.line_amount end)
            as listed_amount,
        sum(case when items.is_full_price then items.line_amount end) as full_price_amount,
        count(items.is_above_reference) as referenced_items,
        sum(case when items.is_above_reference is not null then items.line_amount end)
            as referenced_amount,
        sum(case when items.is_above_reference then items.line_amount end) as premium_amount

    from items
    left join bought on items.order_item_key = bought.order_item_key
    group by items.order_key, items.person_key, coalesce(items.category, 'unknown')

)

select * from gathered
