{%- set causes = [
    'cancelled', 'pending', 'test', 'tax', 'shipping', 'lines', 'no_total', 'refund',
    'time_zone',
] -%}
with

orders as (

    select * from {{ ref('int_reconciled_orders') }}

),

refunds as (

    select * from {{ ref('int_refunds') }}

),

quarantined as (

    select * from {{ ref('stg_ledger__quarantined_rows') }}
    where feed = 'orders' and line is not null

),

-- what the source adds up stands in its own month, all else in the business month
steps as (

    select
        system,
        month_start,
        cast(null as decimal(38, 12)) as source_amount,
        0 as source_orders,
        goods_amount as counted_amount,
        guest_amount,
        cancelled_amount,
        pending_amount,
        test_amount,
        tax_amount,
        shipping_amount,
        lines_amount,
        no_total_amount,
        cast(null as decimal(38, 12)) as refund_amount,
        case when source_month_start <> month_start then total_amount end
            as time_zone_amount,
        0 as quarantined_rows

    from orders

    union all

    select
        system,
        source_month_start as month_start,
        total_amount as source_amount,
        1 as source_orders,
        {%- for column in ['counted', 'guest', 'cancelled', 'pending', 'test', 'tax',
            'shipping', 'lines', 'no_total', 'refund'] %}
        cast(null as decimal(38, 12)) as {{ column }}_amount,
        {%- endfor %}
        case when source_month_start <> month_start then -total_amount end
            as time_zone_amount,
        0 as quarantined_rows

    from orders

    union all

    select
        system,
        cast(date_trunc('month', refunded_date) as date) as month_start,
        cast(null as decimal(38, 12)) as source_amount,
        0 as source_orders,
        -refund_amount as counted_amount,
        {%- for column in ['guest', 'cancelled', 'pending', 'test', 'tax', 'shipping',
            'lines', 'no_total'] %}
        cast(null as decimal(38, 12)) as {{ column }}_amount,
        {%- endfor %}
        -refund_amount as refund_amount,
        cast(null as decimal(38, 12)) as time_zone_amount,
        0 as quarantined_rows

    from refunds

    union all

    -- a row that could not be read has no date but that of its delivery
    select
        system,
        cast(date_trunc('month', least(
            {{ add_days(business_date('delivered_at'), -1) }}, {{ as_of_date() }}
        )) as date) as month_start,
        cast(null as decimal(38, 12)) as source_amount,
        0 as source_orders,
        {%- for column in ['counted', 'guest', 'cancelled', 'pending', 'test',
            'tax', 'shipping', 'lines', 'no_total', 'refund', 'time_zone'] %}
        cast(null as decimal(38, 12)) as {{ column }}_amount,
        {%- endfor %}
        1 as quarantined_rows

    from (select distinct system, load_id, line, delivered_at from quarantined) as rows_aside

),

added as (

    select
        system,
        month_start,
        sum(source_amount) as source_amount,
        sum(source_orders) as source_orders,
        coalesce(sum(counted_amount), 0) as counted_amount,
        coalesce(sum(guest_amount), 0) as guest_amount,
        {%- for cause in causes %}
        coalesce(sum({{ cause }}_amount), 0) as {{ cause }}_amount,
        {%- endfor %}
        sum(quarantined_rows) as quarantined_row_count

    from steps
    group by system, month_start

),

-- a month without an order of a system that delivers orders has a total: nothing
totalled as (

    select
        *,
        case
            when source_orders = 0 and sum(source_orders) over (partition by system) > 0
                then {{ money('0') }}
            else source_amount
        end as known_source_amount

    from added

),

described as (

    select
        'net_revenue' as kpi,
        system,
        cast(known_source_amount as decimal(38, 4)) as source_amount,
        cast(counted_amount as decimal(38, 4)) as counted_amount,
        cast(counted_amount - known_source_amount as decimal(38, 4)) as difference_amount,
        {%- for cause in causes %}
        cast({{ cause }}_amount as decimal(38, 4)) as {{ cause }}_amount,
        {%- endfor %}
        cast(guest_amount as decimal(38, 4)) as guest_amount,
        cast(quarantined_row_count as bigint) as quarantined_row_count,
        month_start as period_start

    from totalled

)

select * from described
