with

runs as (

    select * from {{ ref('stg_ledger__runs') }}

),

described as (

    select
        run_id,
        as_of_date,
        status,
        rows_in,
        rows_quarantined,
        rows_out,
        seconds,
        cast(started_at as timestamp) as started_at,
        code_version

    from runs

)

select * from described
