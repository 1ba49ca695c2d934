{#- Where the meaning of a metric changed, figures before and after are no series. -#}
with

metrics as (

    {% for kpi in kpi_entries() if kpi.metrics is defined -%}
    {% set outer = loop -%}
    {% for metric in kpi.metrics -%}
    {{ 'union all' if not (outer.first and loop.first) }}
    select '{{ kpi.code }}' as kpi, '{{ metric }}' as metric
    {% endfor -%}
    {%- else -%}
    select cast(null as string) as kpi, cast(null as string) as metric
    {%- endfor %}

),

breaks as (

    select * from {{ ref('metric_breaks') }}

),

platforms as (

    select platform from {{ ref('int_posts') }}

    union

    select platform from {{ ref('int_account_readings') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

crossed as (

    select
        metrics.kpi,
        periods.grain,
        periods.period_start,
        breaks.platform,
        breaks.break_date > periods.previous_start as is_by_previous

    from metrics
    inner join breaks on metrics.metric = breaks.metric
    inner join platforms on breaks.platform = platforms.platform
    inner join periods
        on breaks.break_date < periods.period_end
        and breaks.break_date > periods.year_ago_start

),

-- whatever is not cut by platform holds every platform that the company is on
by_platform as (

    select * from crossed

    union all

    select
        kpi,
        grain,
        period_start,
        'all' as platform,
        is_by_previous

    from crossed

),

marked as (

    select
        kpi,
        grain,
        period_start,
        platform,
        max(case when is_by_previous then 1 else 0 end) = 1 as is_previous_broken

    from by_platform
    group by kpi, grain, period_start, platform

)

select * from marked
