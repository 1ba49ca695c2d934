with

loads as (

    {{ standing_loads(source('ledger', 'loads'), 'customers', keep_closed=true) }}

),

delivered as (

    select
        customers.system || ':' || customers.customer_id as customer_key,
        customers.email

    from {{ source('crm', 'customers') }} as customers
    inner join loads on customers.load_id = loads.load_id
    where customers.email is not null

),

emails as (

    select distinct
        customer_key,
        email

    from delivered

)

select * from emails
