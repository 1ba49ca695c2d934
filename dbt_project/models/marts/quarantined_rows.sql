with

quarantined as (

    select * from {{ ref('stg_ledger__quarantined_rows') }}

),

described as (

    select
        run_id,
        load_id,
        system,
        feed,
        file,
        line,
        column_name,
        value,
        reason,
        cast(delivered_at as timestamp) as delivered_at

    from quarantined

)

select * from described
