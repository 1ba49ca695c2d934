with

searches as (

    select * from {{ ref('stg_web__search_daily') }}
    where date <= {{ as_of_date() }}

),

described as (

    select
        system,
        site,
        query,
        page,
        cast(impressions as bigint) as impressions,
        cast(clicks as bigint) as clicks,
        cast(average_position as double) as average_position,
        {{ percent_of('clicks', 'impressions') }} as click_through_rate,
        date as searched_date

    from searches

)

select * from described
