with

items as (

    select * from {{ ref('int_order_items') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

bought as (

    select * from {{ ref('int_bought_items') }}

),

described as (

    select
        items.order_item_key,
        items.order_key,
        analysed.person_key,
        items.product_key,
        items.product_name,
        coalesce(items.category, 'unknown') as category,
        items.product_family,
        items.order_channel,
        items.store_id,
        items.campaign_id,
        case
            when analysed.person_key is not null then cast(items.order_number as bigint)
        end as order_number,
        items.grade,
        bought.earlier_grade,
        items.quantity,
        cast(items.line_amount as decimal(38, 4)) as line_amount,
        cast(items.profit_amount as decimal(38, 4)) as profit_amount,
        cast(items.list_amount as decimal(38, 4)) as list_amount,
        cast(items.reference_amount as decimal(38, 4)) as reference_amount,
        analysed.person_key is null as is_guest,
        bought.is_new_category,
        bought.is_known_family,
        bought.is_upgrade,
        items.is_full_price,
        items.is_above_reference,
        bought.is_premium,
        items.ordered_date,
        cast(items.ordered_at as timestamp) as ordered_at

    from items
    left join analysed on items.person_key = analysed.person_key
    left join bought
        on analysed.person_key = bought.person_key
        and items.order_item_key = bought.order_item_key

)

select * from described
