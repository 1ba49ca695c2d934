select * from {{ source('ledger', 'person_links') }}
