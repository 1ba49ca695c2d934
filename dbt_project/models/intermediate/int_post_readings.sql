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
        {% for figure in figures -%}
        {{ 'or ' if not loop.first }}coalesce({{ figure }} < lag({{ figure }}) over (
            partition by platform, post_key order by read_date
        ), false)
        {% endfor %}as is_fall,
        {{ sum_of_known(['likes', 'comments', 'shares']) }} as engagements,
        {{ sum_of_known(['likes', 'comments', 'shares', 'saves']) }}
            as engagements_with_saves,
        {{ sum_of_known(['clicks', 'likes', 'comments', 'shares', 'follows']) }}
            as interactions

    from joined
    where newness = 1

)

select * from compared
