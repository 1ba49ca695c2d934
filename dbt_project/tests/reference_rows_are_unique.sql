-- A name that stands twice would count twice, or stop the night without saying why.
{%- set keys = {
    'thresholds': 'name', 'health_components': 'component', 'margin_rates': 'category',
    'kpi_targets': "kpi || ' by ' || grain",
} %}
with

named as (

    {% for seed, key in keys.items() -%}
    {{ 'union all' if not loop.first }}
    select '{{ seed }}' as seed, {{ key }} as name
    from {{ ref(seed) }}
    {% endfor %}

),

repeated as (

    select seed, name
    from named
    group by seed, name
    having count(*) > 1

)

select * from repeated
