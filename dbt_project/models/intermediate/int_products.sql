with

products as (

    select * from {{ ref('stg_orders__products') }}

),

listed as (

    select
        *,
        coalesce(valid_from, cast('1900-01-01' as timestamp)) as begins_at

    from products
    where valid_from is null or valid_from < {{ end_of_as_of() }}

),

sequenced as (

    select
        *,
        lead(begins_at) over (partition by product_key order by begins_at) as ends_at,
        row_number() over (partition by product_key order by begins_at) as row_number_in_time

    from listed

),

-- before a product's first row, that row tells what it is, but not its price and cost
priced as (

    select
        product_key,
        name as product_name,
        category,
        product_family,
        grade,
        list_price,
        reference_price,
        unit_cost,
        currency,
        begins_at,
        ends_at

    from sequenced

    union all

    select
        product_key,
        name as product_name,
        category,
        product_family,
        grade,
        cast(null as decimal(18, 4)) as list_price,
        cast(null as decimal(18, 4)) as reference_price,
        cast(null as decimal(18, 4)) as unit_cost,
        currency,
        cast('1800-01-01' as timestamp) as begins_at,
        begins_at as ends_at

    from sequenced
    where row_number_in_time = 1 and begins_at > cast('1900-01-01' as timestamp)

)

select * from priced
