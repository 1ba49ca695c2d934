with

orders as (

    select * from {{ ref('int_orders') }}

),

told as (

    select count(has_discount) as order_count
    from orders

),

habits as (

    select
        orders.person_key,
        {{ percent_of('count(case when orders.has_discount then 1 end)', 'count(*)') }}
            as price_sensitivity_share

    from orders
    cross join told
    where orders.person_key is not null and told.order_count > 0
    group by orders.person_key

)

select * from habits
