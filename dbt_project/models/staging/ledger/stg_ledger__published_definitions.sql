select * from {{ source('ledger', 'published_definitions') }}
