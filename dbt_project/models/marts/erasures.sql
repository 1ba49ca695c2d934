with

erasures as (

    select * from {{ ref('stg_ledger__erasures') }}

),

counted as (

    select
        concat(kind, ':', cast(number as string)) as erasure_key,
        kind,
        request_id,
        asked_by,
        feed,
        coalesce(landing, 0) as landing_count,
        coalesce(raw, 0) as raw_count,
        coalesce(quarantine, 0) as quarantine_count,
        coalesce(vault, 0) as vault_count,
        coalesce(versions, 0) as version_count,
        coalesce(logs, 0) as log_count,
        kept_from_date,
        as_of_date

    from erasures

)

select * from counted
