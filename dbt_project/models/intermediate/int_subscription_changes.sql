with

changes as (

    select * from {{ ref('stg_crm__subscription_changes') }}

),

-- what takes effect after the as-of date has not changed anything yet
known as (

    select
        change_key,
        subscription_key,
        change_type,
        amount,
        effective_at,
        term_ends_at

    from changes
    where effective_at < {{ end_of_as_of() }}

)

select * from known
