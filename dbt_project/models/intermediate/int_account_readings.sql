with

readings as (

    select * from {{ ref('stg_sns__accounts_daily') }}
    where date <= {{ as_of_date() }} and followers is not null

),

breaks as (

    select * from {{ ref('metric_breaks') }}
    where metric = 'followers'

),

-- readings between two breaks are a series; followers after one are counted otherwise
in_series as (

    select
        readings.platform,
        readings.account_key,
        readings.date,
        readings.followers,
        readings.blocks,
        count(breaks.break_date) as series_number

    from readings
    left join breaks
        on readings.platform = breaks.platform and readings.date >= breaks.break_date
    group by
        readings.platform, readings.account_key, readings.date, readings.followers,
        readings.blocks

),

-- followers of LINE never fall: who left is among its blocks
counted as (

    select
        account_key,
        platform,
        platform || ':' || account_key as account,
        case
            when platform = 'line' then followers - coalesce(blocks, 0) else followers
        end as followers,
        series_number,
        date as day

    from in_series

),

ordered as (

    select
        *,
        lag(day) over (partition by account order by day) as previous_day,
        lag(followers) over (partition by account order by day) as previous_followers,
        lag(series_number) over (partition by account order by day)
            as previous_series_number,
        lead(day) over (partition by account order by day) as next_day

    from counted

)

select * from ordered
