with

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

catalog as (

    select * from {{ ref('kpi_catalog') }}

),

joined as (

    select
        kpi_values.*,
        catalog.name_ja,
        catalog.name_en,
        catalog.unit,
        catalog.direction,
        catalog.stage,
        catalog.department,
        catalog.is_headline

    from kpi_values
    inner join catalog on kpi_values.kpi = catalog.kpi

)

-- a view has no order of its own, and what is published reads the same every time
select * from joined
order by kpi, grain, period_start, segment_dimension, segment_value
