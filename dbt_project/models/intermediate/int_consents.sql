{#- Who has several ids spoke with each of them: what holds is the last word of the person,
    whichever id it was said under. Who was erased allows nothing, whatever they once said. -#}
with

persons as (

    select * from {{ ref('int_persons') }}

),

statements as (

    select * from {{ ref('stg_crm__consents') }}
    where recorded_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

defaults as (

    {% for purpose, is_granted in var('consent_defaults').items() -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ purpose }}' as purpose,
        {{ is_granted | lower }} as is_granted
    {% endfor %}

),

-- of two statements of one instant the refusal holds
ranked as (

    select
        person_ids.person_key,
        statements.purpose,
        statements.granted,
        statements.recorded_at,
        row_number() over (
            partition by person_ids.person_key, statements.purpose
            order by
                statements.recorded_at desc,
                case when statements.granted then 1 else 0 end asc
        ) as recency

    from statements
    inner join person_ids on statements.customer_key = person_ids.customer_key

),

stated as (

    select * from ranked
    where recency = 1

),

held as (

    select
        persons.person_key,
        defaults.purpose,
        case
            when {{ is_erased('persons.person_key') }} then false
            else coalesce(stated.granted, defaults.is_granted)
        end as is_granted

    from persons
    cross join defaults
    left join stated
        on persons.person_key = stated.person_key
        and defaults.purpose = stated.purpose

)

select * from held
