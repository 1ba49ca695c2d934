with

persons as (

    select * from {{ ref('int_lifetime_values') }}

),

periods as (

    select * from {{ ref('int_periods') }}
    where holds_as_of and grain in {{ cut_grains() }}

),

collapsed as (

    select
        periods.grain,
        periods.period_start,
        'overall' as segment_dimension,
        'all' as segment_value,
        persons.person_key,
        {%- for code in ['ltv_historic', 'ltv_simple', 'ltv_discounted'] %}
        {{ money('persons.' ~ code) }} as {{ code }},
        cast(persons.{{ code }} * persons.{{ code }} as decimal(38, 8)) as {{ code }}_squared
        {{- ',' if not loop.last }}
        {%- endfor %}

    from persons
    cross join periods

)

select * from collapsed
