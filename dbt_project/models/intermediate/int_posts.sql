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

    select * from {{ ref('int_post_readings') }}

),

accounts as (

    select * from {{ ref('int_account_readings') }}

),

-- posts are counted as they stood when their 28th day ended
last_in_time as (

    select
        platform,
        post_key,
        max(read_date) as read_date

    from readings
    where age_days <= 28
    group by platform, post_key

),

described as (

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
        readings.read_date,
        readings.impressions,
        readings.reach,
        readings.likes,
        readings.comments,
        readings.shares,
        readings.saves,
        readings.clicks,
        readings.follows,
        readings.video_views,
        readings.engagements,
        readings.engagements_with_saves,
        readings.interactions,
        accounts.followers

    from posts
    left join last_in_time
        on posts.platform = last_in_time.platform
        and posts.post_key = last_in_time.post_key
    left join readings
        on last_in_time.platform = readings.platform
        and last_in_time.post_key = readings.post_key
        and last_in_time.read_date = readings.read_date
    left join accounts
        on posts.platform = accounts.platform
        and posts.account_key = accounts.account_key
        and posts.day >= accounts.day
        and (accounts.next_day is null or posts.day < accounts.next_day)

)

select * from described
