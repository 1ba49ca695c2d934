select * from {{ source('ledger', 'checks') }}
