{#- Where the meaning of a metric changed, figures before and after are no series. -#}
with

metrics as (

    {% for kpi in kpi_entries() if kpi.metrics is defined -%}
    {% set outer = loop -%}
    {% for metric in kpi.metrics -%}
    {{ 'union all' if not (outer.first and loop.first) }}
    select
        '{{ kpi.code }}' as kpi,
        '{{ metric }}' as metric,
        {{ 'true' if 'posts' in kpi.rests_on else 'false' }} as is_of_posts
    {% endfor -%}
    {%- else -%}
    select
        cast(null as string) as kpi, cast(null as string) as metric, false as is_of_posts
    {%- endfor %}

),

breaks as (

    select * from {{ ref('metric_breaks') }}

),

-- a platform without posts is in no figure of posts, one without readings in none of followers
platforms as (

    select
        platform,
        max(has_posts) = 1 as has_posts,
        max(has_followers) = 1 as has_followers

    from (
        select distinct platform, 1 as has_posts, 0 as has_followers
        from {{ ref('int_posts') }}

        union all

        select distinct platform, 0 as has_posts, 1 as has_followers
        from {{ ref('int_account_readings') }}
    ) as found
    group by platform

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
    inner join platforms
        on breaks.platform = platforms.platform
        and (platforms.has_posts or not metrics.is_of_posts)
        and (platforms.has_followers or metrics.metric <> 'followers')
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
