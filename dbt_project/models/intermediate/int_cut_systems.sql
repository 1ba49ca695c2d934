with

order_stores as (

    select distinct system from {{ ref('stg_orders__orders') }}
    where store_id is not null and ordered_at < {{ end_of_as_of() }}

),

survey_stores as (

    select distinct system from {{ ref('stg_survey__responses') }}
    where store_id is not null and responded_at < {{ end_of_as_of() }}

),

campaigns as (

    select distinct system from {{ ref('stg_crm__campaigns') }}
    where started_at < {{ end_of_as_of() }}

),

counted as (

    select
        (select count(*) from order_stores) > 1 as several_store_systems,
        (select count(*) from survey_stores) > 1 as several_survey_store_systems,
        (select count(*) from campaigns) > 1 as several_campaign_systems

)

select * from counted
