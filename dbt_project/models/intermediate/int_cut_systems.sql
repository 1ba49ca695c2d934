with

stores as (

    select distinct system from {{ ref('stg_orders__orders') }} where store_id is not null

    union

    select distinct system from {{ ref('stg_survey__responses') }} where store_id is not null

),

campaigns as (

    select distinct system from {{ ref('stg_crm__campaigns') }}

),

counted as (

    select
        (select count(*) from stores) > 1 as several_store_systems,
        (select count(*) from campaigns) > 1 as several_campaign_systems

)

select * from counted
