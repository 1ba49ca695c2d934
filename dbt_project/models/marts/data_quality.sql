with

checks as (

    select * from {{ ref('stg_ledger__checks') }}

),

described as (

    select
        run_id,
        as_of_date,
        asset,
        check_name,
        kind,
        severity,
        passed,
        observed,
        expected

    from checks

)

select * from described
