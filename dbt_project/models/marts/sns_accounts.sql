with

accounts as (

    select * from {{ ref('stg_sns__accounts_daily') }}
    where date <= {{ as_of_date() }}

),

readings as (

    select * from {{ ref('int_account_readings') }}

),

described as (

    select
        accounts.account_key,
        accounts.platform,
        accounts.system,
        accounts.account_id,
        cast(readings.followers as bigint) as followers,
        cast(accounts.blocks as bigint) as blocks,
        cast(accounts.targeted_reaches as bigint) as targeted_reaches,
        cast(accounts.reach as bigint) as reach,
        cast(accounts.impressions as bigint) as impressions,
        case
            when readings.series_number = readings.previous_series_number
                then cast(readings.followers - readings.previous_followers as bigint)
        end as follower_difference,
        coalesce(
            readings.series_number = readings.previous_series_number
            and readings.followers < readings.previous_followers,
            false
        ) as has_fall,
        accounts.date as read_date,
        readings.previous_day as previous_read_date

    from accounts
    left join readings
        on accounts.platform = readings.platform
        and accounts.account_key = readings.account_key
        and accounts.date = readings.day

)

select * from described
