-- A morning that begins with everything begins with nothing.
with

headlines as (

    select count(*) as headline_count
    from {{ ref('kpi_catalog') }}
    where is_headline

)

select * from headlines
where headline_count > 5
