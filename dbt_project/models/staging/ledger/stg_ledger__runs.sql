select * from {{ source('ledger', 'runs') }}
