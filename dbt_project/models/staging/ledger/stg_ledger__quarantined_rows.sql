select * from {{ source('ledger', 'quarantined_rows') }}
