with

posts as (

    select * from {{ ref('int_posts') }}

),

readings as (

    select * from {{ ref('int_post_readings') }}

),

described as (

    select
        readings.post_key,
        readings.platform,
        posts.system,
        posts.post_id,
        cast(readings.age_days as bigint) as age_days,
        cast({{ days_between('readings.previous_read_date', 'readings.read_date') }} as bigint)
            as days_since_reading,
        {%- for figure in post_figures() %}
        cast(readings.{{ figure }} as bigint) as {{ figure }},
        cast(readings.{{ figure }}_gained as bigint) as {{ figure }}_gained,
        {%- endfor %}
        readings.is_fall,
        readings.has_break,
        posts.day as posted_date,
        readings.previous_read_date,
        readings.read_date

    from readings
    inner join posts
        on readings.platform = posts.platform and readings.post_key = posts.post_key

)

select * from described
