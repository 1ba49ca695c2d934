-- A misspelt row of a company's own table would quietly count for nothing.
{%- set known = [
    ('behaviour_components', 'component', behaviour_components()),
    ('rfm_cutpoints', 'dimension', ['recency_days', 'order_count']),
    ('thresholds', 'name', threshold_names()),
    ('health_components', 'component', health_components()),
    ('kpi_targets', 'kpi', kpi_entries() | map(attribute='code')),
    ('kpi_targets', 'grain', grains()),
    ('metric_breaks', 'metric', breakable_metrics()),
] %}
with

named as (

    {% for seed, column, names in known -%}
    {{ 'union all' if not loop.first }}
    select '{{ seed }}' as seed, {{ column }} as name
    from {{ ref(seed) }}
    where {{ column }} is null or {{ column }} not in ('{{ names | join("', '") }}')
    {% endfor %}

)

select * from named
