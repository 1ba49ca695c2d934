with

orders as (

    select * from {{ ref('int_orders') }}
    where is_first_order

),

referrals as (

    select * from {{ ref('int_referrals') }}

),

firsts as (

    select
        referee_key,
        min(referred_at) as first_referred_at

    from referrals
    where referee_key is not null
    group by referee_key

),

new_customers as (

    select
        orders.person_key,
        orders.ordered_date as day,
        case
            when firsts.first_referred_at <= orders.ordered_at then 1 else 0
        end as is_referred

    from orders
    left join firsts on orders.person_key = firsts.referee_key

),

collapsed as (
    {{ collapse('new_customers', [
        ('is_new', 'count(*)'),
        ('is_referred', 'max(fact.is_referred)'),
    ]) }}
)

select * from collapsed
