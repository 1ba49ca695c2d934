-- A difference that no cause explains would be a figure that nobody can defend.
with

reconciliations as (

    select * from {{ ref('reconciliations') }}

),

unexplained as (

    select
        *,
        difference_amount - cancelled_amount - pending_amount - test_amount - tax_amount
        - shipping_amount - lines_amount - no_total_amount - refund_amount
        - time_zone_amount as unexplained_amount

    from reconciliations

)

select * from unexplained
where abs(unexplained_amount) > 0.01
