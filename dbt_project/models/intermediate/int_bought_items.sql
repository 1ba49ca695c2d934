with

items as (

    select * from {{ ref('int_order_items') }}
    where quantity > 0 and person_key is not null

),

grades as (

    select * from {{ ref('int_family_grades') }}

),

described as (

    select
        items.order_item_key,
        items.order_key,
        items.product_key,
        items.person_key,
        items.order_number,
        items.order_channel,
        items.store_key,
        items.store_id,
        items.campaign_key,
        items.campaign_id,
        items.ordered_at,
        items.ordered_date,
        coalesce(items.category, 'unknown') as category,
        items.product_family,
        items.grade,
        items.quantity,
        items.line_amount,
        items.profit_amount,
        items.list_amount,
        items.reference_amount,
        items.is_full_price,
        items.is_above_reference,
        coalesce(items.grade = grades.highest_grade, false) as is_highest_grade

    from items
    left join grades
        on items.product_family = grades.product_family
        and items.ordered_at >= grades.begins_at
        and items.ordered_at < grades.holds_to

),

-- lines of one order do not come before each other
compared as (

    select
        *,
        min(order_number) over (partition by person_key, category)
            as category_order_number,
        min(ordered_date) over (partition by person_key, category)
            as first_category_date,
        case when product_family is not null then min(order_number) over (
            partition by person_key, product_family
        ) end as family_order_number,
        case when product_family is not null then min(ordered_date) over (
            partition by person_key, product_family
        ) end as first_family_date,
        case when product_family is not null then min(
            case when grade is not null then ordered_date end
        ) over (
            partition by person_key, product_family
        ) end as first_graded_date,
        case when product_family is not null and grade is not null then min(ordered_date) over (
            partition by person_key, product_family order by grade desc nulls last
            range between unbounded preceding and current row
        ) end as first_as_high_date,
        case when product_family is not null then max(grade) over (
            partition by person_key, product_family order by order_number
            range between unbounded preceding and 1 preceding
        ) end as earlier_grade

    from described

),

flagged as (

    select
        order_item_key,
        order_key,
        product_key,
        person_key,
        order_number,
        order_channel,
        store_key,
        store_id,
        campaign_key,
        campaign_id,
        category,
        product_family,
        grade,
        earlier_grade,
        quantity,
        line_amount,
        profit_amount,
        list_amount,
        reference_amount,
        order_number = category_order_number as is_new_category,
        coalesce(family_order_number < order_number, false) as is_known_family,
        coalesce(grade > earlier_grade, false) as is_upgrade,
        is_full_price,
        is_above_reference,
        is_highest_grade,
        coalesce(is_above_reference, false)
        or (coalesce(is_full_price, false) and is_highest_grade) as is_premium,
        first_category_date,
        first_family_date,
        first_graded_date,
        first_as_high_date,
        ordered_date,
        ordered_at

    from compared

)

select * from flagged
