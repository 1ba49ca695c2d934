{#- The first period of a grain may begin before the first event: its days count whole. -#}
with

periods as (

    select * from {{ ref('int_periods') }}

),

days as (

    {{ each_day(
        '(select min(period_start) from periods)',
        '(select max(period_start) from periods)'
    ) }}

),

assigned as (

    select
        periods.grain,
        days.day,
        periods.period_start,
        periods.period_end

    from periods
    inner join days
        on days.day >= periods.period_start and days.day < periods.counted_to

)

select * from assigned
