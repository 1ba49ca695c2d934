{#- A line of quantity 0 bought nothing; what has no category can be nobody's favourite. -#}
with

items as (

    select * from {{ ref('int_order_items') }}
    where person_key is not null and category is not null and quantity > 0

),

bought as (

    select
        person_key,
        category,
        count(distinct order_key) as order_count,
        sum(line_amount) as line_amount

    from items
    group by person_key, category

),

ranked as (

    select
        *,
        row_number() over (
            partition by person_key
            order by order_count desc, line_amount desc nulls last, category asc
        ) as preference

    from bought

),

favourites as (

    select
        person_key,
        category as favourite_category

    from ranked
    where preference = 1

)

select * from favourites
