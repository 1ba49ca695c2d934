{{ config(meta={'kept_by': 'int_touched_persons'}) }}
with

items as (

    select * from {{ touched('int_order_items', 'int_touched_persons') }}
    where quantity > 0 and person_key is not null

),

grades as (

    select * from {{ ref('int_family_grades') }}

),

bought as (

    select
        order_item_key,
        order_key,
        person_key,
        order_number,
        coalesce(category, 'unknown') as category,
        product_family,
        grade,
        is_full_price,
        is_above_reference,
        ordered_date,
        ordered_at

    from items

),

-- lines of one order do not come before each other
by_category as (

    select
        person_key,
        category,
        min(order_number) as category_order_number,
        min(ordered_date) as first_category_date

    from bought
    group by person_key, category

),

-- only what is of a family can be higher than something else
of_families as (

    select
        bought.*,
        coalesce(bought.grade = grades.highest_grade, false) as is_highest_grade

    from bought
    left join grades
        on bought.product_family = grades.product_family
        and bought.ordered_at >= grades.begins_at
        and bought.ordered_at < grades.holds_to
    where bought.product_family is not null

),

by_family as (

    select
        order_item_key,
        is_highest_grade,
        min(order_number) over (partition by person_key, product_family)
            as family_order_number,
        min(ordered_date) over (partition by person_key, product_family)
            as first_family_date,
        min(case when grade is not null then ordered_date end) over (
            partition by person_key, product_family
        ) as first_graded_date,
        case when grade is not null then min(ordered_date) over (
            partition by person_key, product_family order by grade desc nulls last
            range between unbounded preceding and current row
        ) end as first_as_high_date,
        max(grade) over (
            partition by person_key, product_family order by order_number
            range between unbounded preceding and 1 preceding
        ) as earlier_grade

    from of_families

),

flagged as (

    select
        bought.order_item_key,
        bought.order_key,
        bought.person_key,
        bought.category,
        bought.product_family,
        by_family.earlier_grade,
        bought.order_number = by_category.category_order_number as is_new_category,
        coalesce(by_family.family_order_number < bought.order_number, false)
            as is_known_family,
        coalesce(bought.grade > by_family.earlier_grade, false) as is_upgrade,
        coalesce(by_family.is_highest_grade, false) as is_highest_grade,
        coalesce(bought.is_above_reference, false)
        or (
            coalesce(bought.is_full_price, false)
            and coalesce(by_family.is_highest_grade, false)
        ) as is_premium,
        by_category.first_category_date,
        by_family.first_family_date,
        by_family.first_graded_date,
        by_family.first_as_high_date,
        bought.ordered_date

    from bought
    inner join by_category
        on bought.person_key = by_category.person_key
        and bought.category = by_category.category
    left join by_family on bought.order_item_key = by_family.order_item_key

)

select * from flagged
