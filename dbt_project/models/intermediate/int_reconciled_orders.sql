{#- What a source system itself adds up, beside what is counted of it: each step from the
    one to the other has an amount, and the amounts add up. -#}
{%- set zones = var('time_zones') -%}
with

orders as (

    select * from {{ ref('stg_orders__orders') }}
    where ordered_at < {{ end_of_as_of() }}

),

counted as (

    select
        order_key,
        person_key,
        goods_amount

    from {{ ref('int_orders') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

dated as (

    select
        *,
        cast(date_trunc('month', {{ business_date('ordered_at') }}) as date) as month_start,
        cast(date_trunc('month',
            {%- if zones %} case system
                {%- for system, zone in zones.items() %}
                when {{ literal(system) }} then {{ business_date('ordered_at', zone) }}
                {%- endfor %}
                else {{ business_date('ordered_at') }}
            end
            {%- else %} {{ business_date('ordered_at') }}
            {%- endif %}) as date) as source_month_start

    from orders

),

priced as (

    select
        dated.order_key,
        dated.system,
        dated.month_start,
        dated.source_month_start,
        counted.order_key is not null as is_counted,
        counted.order_key is not null and counted.person_key is null as is_guest,
        coalesce(dated.is_test, false) as is_test,
        dated.status = 'pending' as is_pending,
        {{ converted('dated.total', 'rates.rate') }} as total_amount,
        {{ converted('coalesce(dated.tax, 0)', 'rates.rate') }} as tax_amount,
        {{ converted('coalesce(dated.shipping, 0)', 'rates.rate') }} as shipping_amount,
        counted.goods_amount

    from dated
    left join counted on dated.order_key = counted.order_key
    left join rates
        on dated.currency = rates.currency and dated.month_start = rates.month_start

),

explained as (

    select
        order_key,
        system,
        month_start,
        source_month_start,
        total_amount,
        case when is_test then -total_amount end as test_amount,
        case when not is_test and is_pending then -total_amount end as pending_amount,
        case
            when not is_counted and not is_test and not is_pending then -total_amount
        end as cancelled_amount,
        case when is_counted and total_amount is not null then -tax_amount end
            as tax_amount,
        case when is_counted and total_amount is not null then -shipping_amount end
            as shipping_amount,
        case
            when is_counted then goods_amount - (total_amount - tax_amount - shipping_amount)
        end as lines_amount,
        case when is_counted and total_amount is null then goods_amount end
            as no_total_amount,
        case when is_guest then goods_amount end as guest_amount,
        case when is_counted then goods_amount end as goods_amount

    from priced

)

select * from explained
