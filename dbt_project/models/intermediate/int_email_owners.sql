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

versions as (

    select * from {{ ref('stg_crm__customer_versions') }}

),

identities as (

    select * from {{ ref('stg_crm__identities') }}

),

emails as (

    select
        versions.customer_key,
        versions.email

    from versions
    inner join existing on versions.customer_key = existing.customer_key
    where versions.email is not null

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
