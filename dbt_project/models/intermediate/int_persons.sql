with

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

customers as (

    select * from {{ ref('stg_crm__customers') }}
    where created_at is null or created_at < {{ end_of_as_of() }}

),

persons as (

    select
        person_ids.person_key,
        min(customers.created_at) as created_at,
        min(person_ids.first_seen_at) as first_seen_at,
        coalesce(max(case when customers.customer_key is not null then 1 end), 0) = 1 as is_known

    from person_ids
    left join customers on person_ids.customer_key = customers.customer_key
    group by person_ids.person_key

),

described as (

    select
        person_key,
        created_at,
        {{ business_date('created_at') }} as created_date,
        {{ business_date('first_seen_at') }} as first_seen_date,
        is_known,
        {% if var('history_complete_from') -%}
        coalesce(
            {{ business_date('created_at') }}
            < cast('{{ var("history_complete_from") }}' as date),
            false
        )
        {%- else -%}
        false
        {%- endif %} as is_created_before_history

    from persons

)

select * from described
