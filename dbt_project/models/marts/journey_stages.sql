{#- Every figure of a cell is hidden by the persons that it counts itself, and with it the
    median of those who are in the stage. -#}
{%- set figures = ['persons', 'entered', 'moved_on', 'fell_back'] -%}
{%- set cell = ['grain', 'period_start', 'segment_dimension', 'stage_number'] -%}
with

periods as (

    select * from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

counted as (

    select * from {{ ref('int_stages_measured') }}

),

stages as (

    {% for stage in journey_stages() -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ stage }}' as stage,
        {{ loop.index }} as stage_number
    {% endfor %}

),

-- overall has every period and stage; a cut only those where somebody was in it
cells as (

    select
        periods.grain,
        periods.period_start,
        'overall' as segment_dimension,
        'all' as segment_value,
        stages.stage_number
        {%- for figure in figures %},
        coalesce(counted.{{ figure }}, 0) as {{ figure }}
        {%- endfor %},
        counted.median_days

    from periods
    cross join stages
    left join counted
        on periods.grain = counted.grain
        and periods.period_start = counted.period_start
        and stages.stage_number = counted.stage_number
        and counted.segment_dimension = 'overall'

    union all

    select
        grain,
        period_start,
        segment_dimension,
        segment_value,
        stage_number
        {%- for figure in figures %},
        {{ figure }}
        {%- endfor %},
        median_days

    from counted
    where segment_dimension <> 'overall'

),

judged as (

    {% for figure in figures -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ figure }}' as figure,
        grain,
        period_start,
        segment_dimension,
        segment_value,
        stage_number,
        {{ figure }} as persons,
        {% if figure == 'persons' %}median_days{% else %}cast(null as double){% endif %} as median_days,
        segment_dimension <> 'overall' as is_cut,
        segment_dimension <> 'overall'
        and {{ figure }} < {{ var('min_cell_size') }} as is_small
    from cells
    {% endfor %}

),

suppressed as (
    {{ hide_small_cells('judged', ['figure'] + cell) }}
),

shown as (

    select
        {{ cell | join(',\n        ') }},
        segment_value
        {%- for figure in figures %},
        max(case
            when figure = '{{ figure }}' and not is_suppressed then persons
        end) as {{ figure }}
        {%- endfor %},
        max(case when not is_suppressed then median_days end) as median_days,
        max(case when is_suppressed then 1 else 0 end) = 1 as is_suppressed

    from suppressed
    group by {{ cell | join(', ') }}, segment_value

),

described as (

    select
        shown.grain,
        shown.period_start,
        shown.segment_dimension,
        shown.segment_value,
        stages.stage,
        stages.stage_number,
        cast(shown.persons as bigint) as person_count,
        cast(shown.entered as bigint) as entered_count,
        cast(shown.moved_on as bigint) as moved_on_count,
        cast(shown.fell_back as bigint) as fell_back_count,
        shown.median_days,
        periods.is_complete,
        shown.is_suppressed,
        {{ as_of_date() }} as as_of_date

    from shown
    inner join stages on shown.stage_number = stages.stage_number
    inner join periods
        on shown.grain = periods.grain and shown.period_start = periods.period_start

)

select * from described
