{#- What the CRM stated at or after the end of the as-of date counts only where it stated
    nothing before. -#}
{%- set attributes = [
    'membership_tier', 'prefecture', 'acquisition_channel', 'customer_segment', 'gender',
    'account_key',
] -%}
with

customer_versions as (

    select * from {{ ref('stg_crm__customer_versions') }}
    where created_at is null or created_at < {{ end_of_as_of() }}

),

-- the versions that give a birth date
dated as (

    select distinct
        customer_key,
        stated_at

    from {{ ref('stg_crm__age_bands') }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

persons as (

    select * from {{ ref('int_persons') }}
    where is_known

),

stated as (

    select
        person_ids.person_key,
        customer_versions.customer_key,
        customer_versions.stated_at,
        {%- for attribute in attributes %}
        customer_versions.{{ attribute }},
        {%- endfor %}
        dated.stated_at as born_stated_at,
        row_number() over (
            partition by person_ids.person_key
            order by customer_versions.stated_at, customer_versions.customer_key
        ) as row_number_in_time,
        min(customer_versions.stated_at) over (
            partition by person_ids.person_key
        ) as first_stated_at

    from customer_versions
    inner join person_ids on customer_versions.customer_key = person_ids.customer_key
    inner join persons on person_ids.person_key = persons.person_key
    left join dated
        on customer_versions.customer_key = dated.customer_key
        and customer_versions.stated_at = dated.stated_at

),

versions as (

    select
        *,
        lead(row_number_in_time) over (
            partition by customer_key order by row_number_in_time
        ) as next_row_number,
        min(row_number_in_time) over (partition by customer_key) as first_row_number,
        min(customer_key) over (partition by person_key)
        <> max(customer_key) over (partition by person_key) as has_several_ids

    from stated
    where stated_at = first_stated_at or stated_at < {{ end_of_as_of() }}

),

-- beside each version of one of several ids those of the others in force then; how a
-- person was won their earliest id tells
in_force as (

    select
        versions.person_key,
        versions.row_number_in_time,
        {%- for attribute in attributes + ['born_stated_at'] %}
        {%- set is_won = attribute == 'acquisition_channel' %}
        {{ 'min' if is_won else 'max' }}(case when beside.{{ attribute }} is not null then
            {{ record([
                'beside.first_row_number' if is_won else 'beside.row_number_in_time',
                'beside.customer_key',
                'beside.' ~ attribute,
            ], ['place', 'customer_key', 'value']) }}
        end) as told_{{ attribute }}{{ ',' if not loop.last }}
        {%- endfor %}

    from versions
    inner join versions as beside
        on versions.person_key = beside.person_key
        and beside.row_number_in_time <= versions.row_number_in_time
        and (
            beside.next_row_number is null
            or beside.next_row_number > versions.row_number_in_time
        )
    where versions.has_several_ids
    group by versions.person_key, versions.row_number_in_time

),

merged as (

    select
        versions.person_key,
        versions.customer_key,
        versions.stated_at,
        {%- for attribute in attributes %}
        case
            when versions.has_several_ids then in_force.told_{{ attribute }}.value
            else versions.{{ attribute }}
        end as {{ attribute }},
        {%- endfor %}
        case
            when versions.has_several_ids then in_force.told_born_stated_at.customer_key
            else versions.customer_key
        end as born_customer_key,
        case
            when versions.has_several_ids then in_force.told_born_stated_at.value
            else versions.born_stated_at
        end as born_stated_at,
        versions.row_number_in_time

    from versions
    left join in_force
        on versions.person_key = in_force.person_key
        and versions.row_number_in_time = in_force.row_number_in_time

)

select * from merged
