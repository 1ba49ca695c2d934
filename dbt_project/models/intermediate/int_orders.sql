with

orders as (

    select * from {{ ref('stg_orders__orders') }}

),

items as (

    select * from {{ ref('stg_orders__order_items') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

email_owners as (

    select * from {{ ref('int_email_owners') }}

),

persons as (

    select * from {{ ref('int_persons') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

-- a cancellation after the as-of date has not happened yet
counting as (

    select
        *,
        case when customer_key is null then email end as guest_email,
        {{ business_date('ordered_at') }} as ordered_date

    from orders
    where not coalesce(is_test, false)
        and ordered_at < {{ end_of_as_of() }}
        and status <> 'pending'
        and (status <> 'cancelled' or cancelled_at >= {{ end_of_as_of() }})

),

item_totals as (

    select
        order_key,
        sum(line_total) as line_total,
        max(discount) as greatest_discount

    from items
    group by order_key

),

valued as (

    select
        counting.order_key,
        coalesce(person_ids.person_key, email_owners.person_key) as person_key,
        counting.system,
        counting.order_id,
        counting.store_key,
        counting.store_id,
        counting.campaign_key,
        counting.campaign_id,
        counting.channel as order_channel,
        counting.currency,
        counting.ordered_at,
        counting.ordered_date,
        cast(date_trunc('month', counting.ordered_date) as date) as ordered_month,
        item_totals.order_key is not null as has_items,
        greatest(
            coalesce(counting.discount, item_totals.greatest_discount),
            coalesce(item_totals.greatest_discount, counting.discount)
        ) > 0 as has_discount,
        cast(case
            when item_totals.order_key is not null then item_totals.line_total
            when counting.subtotal is not null
                then counting.subtotal - coalesce(counting.discount, 0)
            else counting.total - coalesce(counting.tax, 0) - coalesce(counting.shipping, 0)
        end as decimal(28, 4)) as goods_value

    from counting
    left join item_totals on counting.order_key = item_totals.order_key
    left join person_ids on counting.customer_key = person_ids.customer_key
    left join email_owners on counting.guest_email = email_owners.email

),

converted as (

    select
        valued.*,
        rates.rate as fx_rate,
        {{ converted('valued.goods_value', 'rates.rate') }} as goods_amount

    from valued
    left join rates
        on valued.currency = rates.currency and valued.ordered_month = rates.month_start

),

numbered as (

    select
        *,
        case when person_key is not null then row_number() over (
            partition by person_key order by ordered_at, order_id, order_key
        ) end as order_number,
        case when person_key is not null then lead(ordered_date) over (
            partition by person_key order by ordered_at, order_id, order_key
        ) end as next_ordered_date

    from converted

),

described as (

    select
        numbered.*,
        coalesce(
            numbered.order_number = 1 and not persons.is_created_before_history, false
        ) as is_first_order

    from numbered
    left join persons on numbered.person_key = persons.person_key

),

-- whoever made it had the time to come back
matured as (

    select
        *,
        is_first_order
        and {{ add_days('ordered_date', var('first_repeat_days')) }} <= {{ as_of_date() }}
            as is_matured_first_order

    from described

)

select * from matured
