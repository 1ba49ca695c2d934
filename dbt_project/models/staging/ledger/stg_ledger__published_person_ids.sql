select * from {{ source('ledger', 'published_person_ids') }}
