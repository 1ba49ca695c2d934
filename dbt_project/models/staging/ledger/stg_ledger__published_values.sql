select * from {{ source('ledger', 'published_values') }}
