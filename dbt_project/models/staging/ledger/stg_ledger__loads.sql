with

loads as (

    select * from {{ source('ledger', 'loads') }}

),

standing as (

    select
        load_id,
        system,
        feed,
        file,
        delivered_at,
        rows_in,
        rows_loaded,
        rows_quarantined,
        rows_duplicate

    from loads
    where not is_superseded

)

select * from standing
