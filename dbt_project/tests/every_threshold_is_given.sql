-- A company's own table that lacks one would quietly leave its figures unknown.
with

needed as (

    {% for name in threshold_names() -%}
    {{ 'union all' if not loop.first }}
    select '{{ name }}' as name
    {% endfor %}

),

given as (

    select * from {{ ref('thresholds') }}
    where value is not null

),

missing as (

    select needed.name
    from needed
    left join given on needed.name = given.name
    where given.name is null

)

select * from missing
