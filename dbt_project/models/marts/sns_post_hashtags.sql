with

posts as (

    select * from {{ ref('sns_posts') }}
    where hashtags is not null

),

tagged as (

    select
        post_key,
        platform,
        {{ each_part('hashtags') }} as hashtag

    from posts

),

-- spelt #Sale, sale or ＃sale it is one
named as (

    select distinct
        post_key,
        platform,
        lower(trim(replace(replace(hashtag, '#', ''), '＃', ''))) as hashtag

    from tagged

),

described as (

    select
        named.post_key,
        named.platform,
        named.hashtag,
        posts.content_type,
        posts.reach,
        posts.impressions,
        posts.engagement_count,
        posts.engagement_rate_reach,
        posts.engagement_rate_impressions,
        posts.engagement_count_day_1,
        posts.engagement_count_day_7,
        posts.engagement_count_day_28,
        posts.is_mature,
        posts.posted_date

    from named
    inner join posts
        on named.post_key = posts.post_key and named.platform = posts.platform
    where named.hashtag <> ''

)

select * from described
