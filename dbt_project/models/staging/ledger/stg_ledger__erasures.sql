select * from {{ source('ledger', 'erasures') }}
