{{ config(meta={'kept_by': 'int_touched_persons'}) }}
with

items as (

    select * from {{ ref('stg_orders__order_items') }}

),

orders as (

    select * from {{ touched('int_orders', 'int_touched_persons') }}

),

-- without an end in the join's condition DuckDB compares every line with every product
products as (

    select
        *,
        coalesce(ends_at, cast('9999-12-31' as timestamp)) as holds_to

    from {{ ref('int_products') }}

),

rates as (

    select * from {{ ref('int_fx_rates') }}

),

margins as (

    select * from {{ ref('margin_rates') }}

),

priced as (

    select
        items.order_item_key,
        items.order_key,
        items.product_key,
        orders.person_key,
        orders.order_number,
        orders.order_channel,
        orders.store_key,
        orders.store_id,
        orders.campaign_key,
        orders.campaign_id,
        orders.ordered_at,
        orders.ordered_date,
        orders.ordered_month,
        orders.fx_rate,
        products.product_name,
        products.category,
        products.product_family,
        products.grade,
        items.quantity,
        items.line_total,
        products.list_price,
        products.reference_price,
        products.unit_cost,
        coalesce(products.currency, orders.currency) as product_currency

    from items
    inner join orders on items.order_key = orders.order_key
    left join products
        on items.product_key = products.product_key
        and orders.ordered_at >= products.begins_at
        and orders.ordered_at < products.holds_to

),

converted as (

    select
        priced.*,
        rates.rate as product_fx_rate,
        coalesce(margins.margin_rate, defaults.margin_rate) as margin_rate

    from priced
    left join rates
        on priced.product_currency = rates.currency
        and priced.ordered_month = rates.month_start
    left join margins on priced.category = margins.category
    left join margins as defaults on defaults.category = 'default'

),

valued as (

    select
        *,
        {{ converted('line_total', 'fx_rate') }} as line_amount,
        {%- for name, price in [
            ('list', 'list_price'), ('reference', 'reference_price'), ('cost', 'unit_cost'),
        ] %}
        {{ converted(
            'cast(quantity as decimal(19, 0)) * ' ~ price, 'product_fx_rate'
        ) }} as {{ name }}_amount{{ ',' if not loop.last }}
        {%- endfor %}

    from converted

),

-- a line of nothing says nothing about prices
judged as (

    select
        *,
        case
            when unit_cost is not null then line_amount - cost_amount
            else {{ money('line_amount * margin_rate') }}
        end as profit_amount,
        case when quantity > 0 then line_amount >= list_amount end as is_full_price,
        case when quantity > 0 then line_amount > reference_amount end
            as is_above_reference

    from valued

)

select * from judged
