with

periods as (

    select * from {{ ref('int_periods') }}

),

days as (

    select distinct period_start as day from periods where grain = 'day'

),

assigned as (

    {% for grain in grains() -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ grain }}' as grain,
        day,
        {{ period_start(grain, 'day') }} as period_start,
        {{ period_end(grain, period_start(grain, 'day')) }} as period_end
    from days
    {% endfor %}

)

select * from assigned
