with

analysed as (

    {{ persons_who_allow('analytics') }}

),

linking as (

    {{ persons_who_allow('sns_linking') }}

),

person_ids as (

    select person_ids.*
    from {{ ref('int_person_ids') }} as person_ids
    inner join analysed on person_ids.person_key = analysed.person_key

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

links as (

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
        ) as source_id,
        person_ids.rule,
        person_ids.linked_to,
        person_ids.probability,
        person_ids.since_date,
        0 as place

    from person_ids
    left join customers on person_ids.customer_key = customers.customer_key

    union all

    select
        person_ids.person_key,
        coalesce(identities.identity_system, identities.system) as system,
        identities.identity_type as id_type,
        identities.identity_value as source_id,
        'identities' as rule,
        identities.customer_key as linked_to,
        cast(1 as double) as probability,
        {{ business_date('identities.linked_at') }} as since_date,
        1 as place

    from identities
    inner join person_ids on identities.customer_key = person_ids.customer_key
    left join linking on person_ids.person_key = linking.person_key
    where identities.identity_type not in ('sns_handle', 'line_id')
        or linking.person_key is not null

),

-- the same id told twice is told of by the customer row, else by the first id that has it
ranked as (

    select
        *,
        row_number() over (
            partition by person_key, system, id_type, source_id
            order by place, linked_to
        ) as turn

    from links

),

described as (

    select
        person_key,
        system,
        id_type,
        source_id,
        rule,
        linked_to,
        probability,
        since_date

    from ranked
    where turn = 1

)

select * from described
