{%- set ages = [1, 7, 28] -%}
with

posts as (

    select * from {{ ref('int_posts') }}

),

readings as (

    select * from {{ ref('int_post_readings') }}

),

breaks as (

    select * from {{ ref('metric_breaks') }}
    where metric in ('{{ post_figures() | join("', '") }}')

),

-- read after a metric of its platform came to mean something else
broken as (

    select distinct
        posts.platform,
        posts.post_key

    from posts
    inner join breaks
        on posts.platform = breaks.platform
        and posts.day < breaks.break_date
        and posts.read_date >= breaks.break_date

),

followed as (

    select
        platform,
        post_key,
        count(*) as reading_count,
        sum(case when is_fall then 1 else 0 end) as fall_count
        {%- for age in ages %},
        max(case when age_days <= {{ age }} then read_date end) as read_by_day_{{ age }}
        {%- endfor %}

    from readings
    group by platform, post_key

),

described as (

    select
        posts.post_key,
        posts.platform,
        posts.system,
        posts.post_id,
        posts.account_id,
        posts.campaign_id,
        posts.content_type,
        posts.hashtags,
        cast(posts.impressions as bigint) as impressions,
        cast(posts.reach as bigint) as reach,
        cast(posts.likes as bigint) as likes,
        cast(posts.comments as bigint) as comments,
        cast(posts.shares as bigint) as shares,
        cast(posts.saves as bigint) as saves,
        cast(posts.clicks as bigint) as clicks,
        cast(posts.follows as bigint) as follows,
        cast(posts.video_views as bigint) as video_views,
        cast(posts.engagements as bigint) as engagement_count,
        cast(posts.followers as bigint) as account_followers,
        {{ percent_of('posts.engagements', 'posts.reach') }} as engagement_rate_reach,
        {{ percent_of('posts.engagements_with_saves', 'posts.reach') }}
            as engagement_rate_reach_with_saves,
        {{ percent_of('posts.interactions', 'posts.impressions') }}
            as engagement_rate_impressions,
        {{ percent_of('posts.engagements', 'posts.followers') }}
            as engagement_rate_followers,
        {%- for age in ages %}
        case when {{ add_days('posts.day', age) }} <= {{ as_of_date() }}
            then cast(day_{{ age }}.engagements as bigint)
        end as engagement_count_day_{{ age }},
        case when {{ add_days('posts.day', age) }} <= {{ as_of_date() }}
            then
                {{ percent_of('day_' ~ age ~ '.engagements', 'day_' ~ age ~ '.reach') }}
        end as engagement_rate_reach_day_{{ age }},
        {%- endfor %}
        coalesce(followed.reading_count, 0) as reading_count,
        cast(coalesce(followed.fall_count, 0) as bigint) as fall_count,
        coalesce(followed.fall_count, 0) > 0 as has_fall,
        broken.post_key is not null as has_break,
        posts.is_paid,
        {{ add_days('posts.day', 28) }} <= {{ as_of_date() }} as is_mature,
        cast({{ days_between('posts.day', as_of_date()) }} as bigint)
            as days_since_posted,
        cast({{ business_hour('posts.posted_at') }} as bigint) as posted_hour,
        cast({{ weekday('posts.day') }} as bigint) as posted_weekday,
        posts.day as posted_date,
        posts.read_date,
        cast(posts.posted_at as timestamp) as posted_at

    from posts
    left join followed
        on posts.platform = followed.platform and posts.post_key = followed.post_key
    left join broken
        on posts.platform = broken.platform and posts.post_key = broken.post_key
    {%- for age in ages %}
    left join readings as day_{{ age }}
        on followed.platform = day_{{ age }}.platform
        and followed.post_key = day_{{ age }}.post_key
        and followed.read_by_day_{{ age }} = day_{{ age }}.read_date
    {%- endfor %}

)

select * from described
