{%- set figures = post_figures() -%}
with

posts as (

    select
        platform,
        post_key,
        {{ business_date('posted_at') }} as posted_date

    from {{ ref('stg_sns__posts') }}
    where posted_at < {{ end_of_as_of() }}

),

readings as (

    select * from {{ ref('stg_sns__post_metrics_daily') }}
    where date <= {{ as_of_date() }}

),

breaks as (

    select * from {{ ref('metric_breaks') }}

),

-- no reach is reported on X: what a file calls so there is something else
joined as (

    select
        posts.post_key,
        posts.platform,
        readings.date as read_date,
        {{ days_between('posts.posted_date', 'readings.date') }} as age_days,
        {%- for figure in figures if figure != 'reach' %}
        readings.{{ figure }},
        {%- endfor %}
        case when posts.platform <> 'x' then readings.reach end as reach,
        row_number() over (
            partition by posts.platform, posts.post_key, readings.date
            order by readings.stated_at desc, readings.system desc
        ) as newness

    from readings
    inner join posts
        on readings.platform = posts.platform and readings.post_key = posts.post_key

),

compared as (

    select
        *,
        {%- for figure in figures %}
        {{ figure }} - lag({{ figure }}) over (
            partition by platform, post_key order by read_date
        ) as {{ figure }}_difference,
        {%- endfor %}
        lag(read_date) over (
            partition by platform, post_key order by read_date
        ) as previous_read_date

    from joined
    where newness = 1

),

broken as (

    select
        compared.platform,
        compared.post_key,
        compared.read_date
        {%- for figure in figures %},
        max(case when breaks.metric = '{{ figure }}' then 1 else 0 end)
            as {{ figure }}_break
        {%- endfor %}

    from compared
    inner join breaks
        on compared.platform = breaks.platform
        and compared.previous_read_date < breaks.break_date
        and compared.read_date >= breaks.break_date
    group by compared.platform, compared.post_key, compared.read_date

),

-- where a metric came to mean something else in between, its two figures are no series
gained as (

    select
        compared.*,
        {%- for figure in figures %}
        case
            when coalesce(broken.{{ figure }}_break, 0) = 0
                then compared.{{ figure }}_difference
        end as {{ figure }}_gained,
        {%- endfor %}
        coalesce(greatest(
            {%- for figure in figures %}
            broken.{{ figure }}_break{{ ',' if not loop.last }}
            {%- endfor %}
        ), 0) = 1 as has_break

    from compared
    left join broken
        on compared.platform = broken.platform
        and compared.post_key = broken.post_key
        and compared.read_date = broken.read_date

),

described as (

    select
        post_key,
        platform,
        age_days,
        {%- for figure in figures %}
        {{ figure }},
        {{ figure }}_gained,
        {%- endfor %}
        {{ sum_of_known(['likes', 'comments', 'shares']) }} as engagements,
        {{ sum_of_known(['likes', 'comments', 'shares', 'saves']) }}
            as engagements_with_saves,
        {{ sum_of_known(['clicks', 'likes', 'comments', 'shares', 'follows']) }}
            as interactions,
        {% for figure in figures -%}
        {{ 'or ' if not loop.first }}coalesce({{ figure }}_gained < 0, false)
        {% endfor %}as is_fall,
        has_break,
        previous_read_date,
        read_date

    from gained

)

select * from described
