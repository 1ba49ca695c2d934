with

readings as (

    select * from {{ ref('stg_sns__accounts_daily') }}
    where date <= {{ as_of_date() }} and followers is not null

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
        date as day

    from readings

),

ordered as (

    select
        *,
        lag(day) over (partition by account order by day) as previous_day,
        lag(followers) over (partition by account order by day) as previous_followers,
        lead(day) over (partition by account order by day) as next_day

    from counted

)

select * from ordered
