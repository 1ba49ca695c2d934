with

person_links as (

    select * from {{ ref('person_links') }}

),

led_back as (

    select
        person_key,
        system,
        id_type,
        source_id

    from person_links

)

select * from led_back
