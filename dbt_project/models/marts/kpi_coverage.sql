with

catalog as (

    select * from {{ ref('kpi_catalog') }}

),

needs as (

    select * from {{ ref('int_kpi_feeds') }}

),

kpi_values as (

    select * from {{ ref('kpi_values') }}
    where segment_dimension = 'overall' and value is not null and n > 0

),

missing as (

    select
        kpi,
        {{ ordered_list('case when is_required and not is_delivered then feed end', 'position') }}
            as missing_feeds,
        {{ ordered_list('case when not is_required then need end', 'position') }}
            as columns_that_help

    from needs
    group by kpi

),

firsts as (

    select
        kpi,
        coalesce(
            min(case when grain = 'month' then period_start end), min(period_start)
        ) as live_since

    from kpi_values
    group by kpi

),

covered as (

    select
        catalog.kpi,
        missing.missing_feeds is null and firsts.kpi is not null as is_live,
        firsts.live_since,
        missing.missing_feeds,
        case when firsts.kpi is null then missing.columns_that_help end as missing_columns

    from catalog
    inner join missing on catalog.kpi = missing.kpi
    left join firsts on catalog.kpi = firsts.kpi

)

select * from covered
