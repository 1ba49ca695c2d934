with

terms as (

    select
        *,
        term_ends_date as day

    from {{ ref('int_terms') }}

),

{% set measures = [
    ('terms', 'count(*)'),
    ('renewed', sum_of_whole('case when fact.is_renewed then 1 else 0 end')),
] -%}
collapsed as (
    {{ collapse('terms', measures) }}
)

select * from collapsed
