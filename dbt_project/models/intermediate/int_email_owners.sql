with

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

-- a row of the CRM that is not created yet tells nothing
existing as (

    select customer_key
    from {{ ref('stg_crm__customers') }}
    where created_at is null or created_at < {{ end_of_as_of() }}

),

customer_emails as (

    select * from {{ ref('stg_crm__customer_emails') }}

),

identities as (

    select * from {{ ref('stg_crm__delivered_identities') }}

),

emails as (

    select
        customer_emails.customer_key,
        customer_emails.email

    from customer_emails
    inner join existing on customer_emails.customer_key = existing.customer_key

    union

    select
        customer_key,
        identity_value as email

    from identities
    where identity_type = 'email'
        and (linked_at is null or linked_at < {{ end_of_as_of() }})

),

owned as (

    select
        emails.email,
        min(person_ids.person_key) as person_key

    from emails
    inner join person_ids on emails.customer_key = person_ids.customer_key
    group by emails.email
    having count(distinct person_ids.person_key) = 1

)

select * from owned
