{#- Squares are of parts of the greatest value: so none is too large, and those of small
    amounts keep their digits. -#}
{%- set codes = ['ltv_historic', 'ltv_simple', 'ltv_discounted'] -%}
with

persons as (

    select
        person_key,
        {%- for code in codes %}
        {{ money(code) }} as {{ code }}{{ ',' if not loop.last }}
        {%- endfor %}

    from {{ ref('int_lifetime_values') }}

),

periods as (

    select * from {{ ref('int_periods') }}
    where holds_as_of and grain in {{ cut_grains() }}

),

units as (

    select
        {%- for code in codes %}
        coalesce(nullif(cast(max(abs({{ code }})) as double), 0), 1) as {{ code }}_unit
        {{- ',' if not loop.last }}
        {%- endfor %}

    from persons

),

collapsed as (

    select
        periods.grain,
        periods.period_start,
        'overall' as segment_dimension,
        'all' as segment_value,
        persons.person_key,
        {%- for code in codes %}
        {%- set part = 'cast(persons.' ~ code ~ ' as double) / units.' ~ code ~ '_unit' %}
        persons.{{ code }},
        units.{{ code }}_unit,
        cast(
            ({{ part }})
            * ({{ part }})
            as decimal(38, 22)
        ) as {{ code }}_squared
        {{- ',' if not loop.last }}
        {%- endfor %}

    from persons
    cross join units
    cross join periods

)

select * from collapsed
