-- A company's own table without the row for the rest would quietly leave its profit unknown.
with

defaults as (

    select * from {{ ref('margin_rates') }}
    where category = 'default' and margin_rate is not null

),

missing as (

    select count(*) as defaults
    from defaults
    having count(*) = 0

)

select * from missing
