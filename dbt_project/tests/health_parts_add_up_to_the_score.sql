-- The score is nothing but its parts, each by its weight, over the weights that have data.
with

customers as (

    select * from {{ ref('customers') }}

),

components as (

    select * from {{ ref('health_components') }}

),

parts as (

    {% for component in health_components() -%}
    {{ 'union all' if not loop.first }}
    select
        person_key,
        health_score,
        '{{ component }}' as component,
        health_{{ component }}_score as part
    from customers
    {% endfor %}

),

added as (

    select
        parts.person_key,
        parts.health_score,
        sum(parts.part * components.weight)
        / nullif(sum(case when parts.part is not null then components.weight end), 0)
            as added_up

    from parts
    left join components on parts.component = components.component
    group by parts.person_key, parts.health_score

)

select * from added
where abs(coalesce(health_score, -1) - coalesce(added_up, -1)) > 0.000001
