with

activations as (

    select * from {{ ref('int_activations') }}

),

collapsed as (
    {{ collapse('activations', [
        ('is_created', 'count(*)'),
        ('is_activated', 'max(fact.is_activated)'),
        ('days_to_first_value', 'min(fact.days_to_first_value)'),
    ]) }}
)

select * from collapsed
