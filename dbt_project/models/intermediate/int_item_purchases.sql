{#- Told apart by what is compared with a period's start: so a person's history is read
    once, however many periods look back on it. -#}
with

orders as (

    select * from {{ ref('int_orders') }}

),

items as (

    select * from {{ ref('int_order_items') }}
    where quantity > 0

),

bought as (

    select * from {{ ref('int_bought_items') }}

),

firsts as (

    select
        person_key,
        ordered_date as first_ordered_date

    from orders
    where order_number = 1

),

streamed as (

    select
        person_key,
        ordered_date as day,
        order_channel,
        {{ cut_id('orders', 'store') }} as store,
        {{ cut_id('orders', 'campaign') }} as campaign,
        cast(null as string) as category,
        cast(null as date) as first_category_date,
        cast(null as date) as first_family_date,
        cast(null as date) as first_graded_date,
        cast(null as date) as first_as_high_date,
        cast(null as decimal(38, 12)) as line_amount,
        cast(null as boolean) as is_full_price,
        cast(null as boolean) as is_above_reference

    from orders
    where person_key is not null

    union all

    -- a grade first reached with the first of its family is higher than no other
    select
        items.person_key,
        items.ordered_date as day,
        items.order_channel,
        {{ cut_id('items', 'store') }} as store,
        {{ cut_id('items', 'campaign') }} as campaign,
        coalesce(items.category, 'unknown') as category,
        bought.first_category_date,
        bought.first_family_date,
        case
            when bought.first_graded_date < bought.first_as_high_date
                then bought.first_graded_date
        end as first_graded_date,
        case
            when bought.first_graded_date < bought.first_as_high_date
                then bought.first_as_high_date
        end as first_as_high_date,
        items.line_amount,
        items.is_full_price,
        items.is_above_reference

    from items
    left join bought on items.order_item_key = bought.order_item_key

),

gathered as (

    select
        person_key,
        day,
        order_channel,
        store,
        campaign,
        category,
        first_category_date,
        first_graded_date,
        first_as_high_date,
        min(first_family_date) as first_family_date,
        count(is_full_price) as listed_items,
        sum(case when is_full_price is not null then line_amount end) as listed_amount,
        sum(case when is_full_price then line_amount end) as full_price_amount,
        count(is_above_reference) as referenced_items,
        sum(case when is_above_reference is not null then line_amount end)
            as referenced_amount,
        sum(case when is_above_reference then line_amount end) as premium_amount

    from streamed
    group by
        person_key, day, order_channel, store, campaign, category,
        first_category_date, first_graded_date, first_as_high_date

),

dated as (

    select
        gathered.*,
        firsts.first_ordered_date

    from gathered
    left join firsts on gathered.person_key = firsts.person_key

)

select * from dated
