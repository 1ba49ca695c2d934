{#- What a post gained between two readings. Where a metric came to mean something else
    in between, its two figures are no series. -#}
with

posts as (

    select * from {{ ref('int_posts') }}

),

readings as (

    select * from {{ ref('int_post_readings') }}

),

breaks as (

    select * from {{ ref('metric_breaks') }}

),

compared as (

    select
        *,
        {%- for figure in post_figures() %}
        {{ figure }} - lag({{ figure }}) over (
            partition by platform, post_key order by read_date
        ) as {{ figure }}_gained,
        {%- endfor %}
        lag(read_date) over (
            partition by platform, post_key order by read_date
        ) as previous_read_date

    from readings

),

broken as (

    select
        compared.platform,
        compared.post_key,
        compared.read_date
        {%- for figure in post_figures() %},
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

described as (

    select
        compared.post_key,
        compared.platform,
        posts.system,
        posts.post_id,
        cast(compared.age_days as bigint) as age_days,
        cast({{ days_between('compared.previous_read_date', 'compared.read_date') }} as bigint)
            as days_since_reading,
        {%- for figure in post_figures() %}
        cast(compared.{{ figure }} as bigint) as {{ figure }},
        case
            when coalesce(broken.{{ figure }}_break, 0) = 0
                then cast(compared.{{ figure }}_gained as bigint)
        end as {{ figure }}_gained,
        {%- endfor %}
        compared.is_fall,
        coalesce(greatest(
            {%- for figure in post_figures() %}
            broken.{{ figure }}_break{{ ',' if not loop.last }}
            {%- endfor %}
        ), 0) = 1 as has_break,
        posts.day as posted_date,
        compared.previous_read_date,
        compared.read_date

    from compared
    inner join posts
        on compared.platform = posts.platform and compared.post_key = posts.post_key
    left join broken
        on compared.platform = broken.platform
        and compared.post_key = broken.post_key
        and compared.read_date = broken.read_date

)

select * from described
