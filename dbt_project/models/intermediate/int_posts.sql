{%- set figures = [
    'impressions', 'reach', 'likes', 'comments', 'shares', 'saves', 'clicks', 'follows',
    'video_views',
] -%}
with

posts as (

    select
        *,
        {{ cut_id('posts', 'campaign') }} as campaign,
        {{ business_date('posted_at') }} as day

    from {{ ref('stg_sns__posts') }} as posts
    where posted_at < {{ end_of_as_of() }}

),

readings as (

    select * from {{ ref('stg_sns__post_metrics_daily') }}
    where date <= {{ as_of_date() }}

),

accounts as (

    select * from {{ ref('int_account_readings') }}

),

-- posts are compared as they stood when their 28th day ended
in_time as (

    select
        readings.*,
        row_number() over (
            partition by readings.platform, readings.post_key
            order by readings.date desc, readings.stated_at desc, readings.system desc
        ) as newness

    from readings
    inner join posts
        on readings.platform = posts.platform
        and readings.post_key = posts.post_key
        and readings.date <= {{ add_days('posts.day', 28) }}

),

read as (

    select
        posts.post_key,
        posts.account_key,
        posts.campaign_key,
        posts.platform,
        posts.system,
        posts.post_id,
        posts.account_id,
        posts.campaign_id,
        posts.campaign,
        posts.content_type,
        posts.hashtags,
        coalesce(posts.is_paid, false) as is_paid,
        posts.posted_at,
        posts.day,
        in_time.date as read_on,
        -- no reach is reported on X: what a file calls so there is something else
        case when posts.platform <> 'x' then in_time.reach end as reach,
        {%- for figure in figures if figure != 'reach' %}
        in_time.{{ figure }},
        {%- endfor %}
        accounts.followers

    from posts
    left join in_time
        on posts.platform = in_time.platform
        and posts.post_key = in_time.post_key
        and in_time.newness = 1
    left join accounts
        on posts.platform = accounts.platform
        and posts.account_key = accounts.account_key
        and posts.day >= accounts.day
        and (accounts.next_day is null or posts.day < accounts.next_day)

),

rated as (

    select
        *,
        {{ sum_of_known(['likes', 'comments', 'shares']) }} as engagements,
        {{ sum_of_known(['likes', 'comments', 'shares', 'saves']) }}
            as engagements_with_saves,
        {{ sum_of_known(['clicks', 'likes', 'comments', 'shares', 'follows']) }}
            as interactions

    from read

)

select * from rated
