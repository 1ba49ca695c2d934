with

bounds as (

    select * from {{ ref('int_event_bounds') }}

),

days as (

    {{ each_day(
        '(select first_date from bounds where first_date is not null)',
        '(select last_date from bounds where first_date is not null)'
    ) }}

),

periods as (

    {% for grain in grains() -%}
    {{ 'union all' if not loop.first }}
    select distinct
        '{{ grain }}' as grain,
        {{ period_start(grain, 'day') }} as period_start,
        {{ period_end(grain, period_start(grain, 'day')) }} as period_end
    from days
    {% endfor %}

),

counted as (

    select
        *,
        least(period_end, {{ day_after_as_of() }}) as counted_to,
        period_end <= {{ day_after_as_of() }} as is_complete

    from periods

),

described as (

    select
        grain,
        period_start,
        period_end,
        counted_to,
        {{ days_between('period_start', 'counted_to') }} as days_counted,
        case grain
            when 'day' then {{ add_days('period_start', -1) }}
            when 'week' then {{ add_days('period_start', -7) }}
            when 'month' then {{ add_months('period_start', -1) }}
            when 'quarter' then {{ add_months('period_start', -3) }}
            else {{ add_months('period_start', -12) }}
        end as previous_start,
        case grain
            when 'week' then {{ add_days('period_start', -364) }}
            else {{ add_months('period_start', -12) }}
        end as year_ago_start,
        is_complete,
        counted_to = {{ day_after_as_of() }} as holds_as_of,
        {% if var('history_complete_from') -%}
        period_start < cast('{{ var("history_complete_from") }}' as date)
        {%- else -%}
        false
        {%- endif %} as is_before_history,
        {{ start_of('period_start') }} as start_at,
        {{ start_of('counted_to') }} as end_at

    from counted

)

select * from described
