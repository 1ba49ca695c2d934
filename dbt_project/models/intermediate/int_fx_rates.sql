with

rates as (

    select * from {{ ref('fx_rates') }}

),

months as (

    select distinct cast(date_trunc('month', period_start) as date) as month_start
    from {{ ref('int_periods') }}
    where grain = 'day'

),

known as (

    select
        currency,
        cast(month || '-01' as date) as month_start,
        rate

    from rates
    where currency <> '{{ var("reporting_currency") }}'

    union all

    select
        '{{ var("reporting_currency") }}' as currency,
        month_start,
        cast(1 as decimal(22, 14)) as rate

    from months

)

select * from known
