-- The score is nothing but its parts, each by its weight over all the weights.
with

customers as (

    select * from {{ ref('customers') }}

),

components as (

    select * from {{ ref('behaviour_components') }}

),

parts as (

    {% for component in behaviour_components() -%}
    {{ 'union all' if not loop.first }}
    select
        person_key,
        behaviour_score,
        '{{ component }}' as component,
        behaviour_{{ component }}_score as part
    from customers
    {% endfor %}

),

added as (

    select
        parts.person_key,
        parts.behaviour_score,
        sum(parts.part * components.weight) / sum(components.weight) as added_up

    from parts
    inner join components on parts.component = components.component
    group by parts.person_key, parts.behaviour_score

)

select * from added
where behaviour_score is null or abs(behaviour_score - added_up) > 0.000001
