with

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

customers as (

    select distinct
        customer_key,
        system,
        customer_id

    from {{ ref('stg_crm__customers') }}

),

identities as (

    select * from {{ ref('stg_crm__identities') }}
    where linked_at is null or linked_at < {{ end_of_as_of() }}

),

led_back as (

    select
        person_ids.person_key,
        coalesce(
            customers.system,
            substring(person_ids.customer_key, 1, {{ position_of("':'", 'person_ids.customer_key') }} - 1)
        ) as system,
        'customer_id' as id_type,
        coalesce(
            customers.customer_id,
            substring(person_ids.customer_key, {{ position_of("':'", 'person_ids.customer_key') }} + 1)
        ) as source_id

    from person_ids
    left join customers on person_ids.customer_key = customers.customer_key

    union

    select
        person_ids.person_key,
        coalesce(identities.identity_system, identities.system) as system,
        identities.identity_type as id_type,
        identities.identity_value as source_id

    from identities
    inner join person_ids on identities.customer_key = person_ids.customer_key

)

select * from led_back
