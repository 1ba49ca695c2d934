with

analysed as (

    {{ persons_who_allow('analytics') }}

),

customers as (

    select * from {{ ref('int_customers') }}

),

shown as (

    select customers.*
    from customers
    inner join analysed on customers.person_key = analysed.person_key

)

select * from shown
