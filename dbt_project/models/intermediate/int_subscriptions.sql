with

subscriptions as (

    select * from {{ ref('stg_crm__subscriptions') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

-- an end after the as-of date is not yet an end, and has no reason yet
known as (

    select
        subscriptions.subscription_key,
        person_ids.person_key,
        subscriptions.system,
        subscriptions.subscription_id,
        subscriptions.plan,
        subscriptions.amount,
        subscriptions.currency,
        subscriptions.billing_period,
        case
            when subscriptions.ended_at < {{ end_of_as_of() }}
                then subscriptions.cancel_reason
        end as cancel_reason,
        subscriptions.started_at,
        subscriptions.term_ends_at,
        case
            when subscriptions.ended_at < {{ end_of_as_of() }} then subscriptions.ended_at
        end as ended_at,
        {{ business_date('subscriptions.started_at') }} as started_date

    from subscriptions
    inner join person_ids on subscriptions.customer_key = person_ids.customer_key
    where subscriptions.started_at < {{ end_of_as_of() }}

)

select * from known
