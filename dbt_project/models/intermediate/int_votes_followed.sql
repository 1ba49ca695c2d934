with

votes as (

    select * from {{ ref('int_votes') }}
    where figure = 'nps' and person_key is not null

),

orders as (

    select * from {{ ref('int_orders') }}
    where person_key is not null

),

followed as (

    select
        votes.response_key,
        min(votes.person_key) as person_key,
        min(orders.ordered_date) as ordered_date

    from votes
    inner join orders
        on votes.person_key = orders.person_key
        and orders.ordered_at > votes.responded_at
        and orders.ordered_date <= {{ add_days('votes.day', 180) }}
    group by votes.response_key

)

select * from followed
