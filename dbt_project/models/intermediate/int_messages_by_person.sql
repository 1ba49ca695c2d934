with

sums as (

    select * from {{ ref('int_message_sums') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

dated as (

    select
        sums.*,
        case when sums.person_key is not null then 1 else 0 end as is_person,
        periods.days_counted

    from sums
    inner join periods
        on sums.grain = periods.grain and sums.period_start = periods.period_start

)

select * from dated
