{#- Of the phases the first that fits. A first order seen of a person created before the
    history begins is not their first: it activates nobody. -#}
{%- set activation_days -%}
cast({{ threshold('activation_days') }} as bigint)
{%- endset -%}
with

persons as (

    select * from {{ ref('int_persons') }}

),

orders as (

    select
        person_key,
        count(*) as order_count,
        min(case when is_first_order then ordered_date end) as first_ordered_date,
        max(ordered_date) as last_ordered_date

    from {{ ref('int_orders') }}
    where person_key is not null
    group by person_key

),

islands as (

    select distinct person_key
    from {{ ref('int_order_islands') }}
    where {{ day_after_as_of() }} between active_from and active_to

),

subscriptions as (

    select
        person_key,
        min(started_date) as first_subscribed_date,
        max(case when ended_at is null then 1 else 0 end) = 1 as is_active

    from {{ ref('int_subscriptions') }}
    group by person_key

),

advocates as (

    select distinct person_key
    from {{ ref('int_stage_acts') }}
    where stage_number = {{ stage_number('advocacy') }}
        and last_date > {{ add_days(as_of_date(), -365) }}

),

described as (

    select
        persons.person_key,
        orders.person_key is null and subscriptions.person_key is null as is_lead,
        islands.person_key is not null as is_active_by_order,
        coalesce(subscriptions.is_active, false) as is_active_by_contract,
        advocates.person_key is not null as is_advocate,
        coalesce(orders.order_count, 0) as order_count,
        {{ days_between('orders.first_ordered_date', as_of_date()) }}
            as days_since_first_order,
        {{ days_between('orders.last_ordered_date', as_of_date()) }}
            as days_since_last_order,
        {{ days_between('subscriptions.first_subscribed_date', as_of_date()) }}
            as days_since_first_contract

    from persons
    left join orders on persons.person_key = orders.person_key
    left join islands on persons.person_key = islands.person_key
    left join subscriptions on persons.person_key = subscriptions.person_key
    left join advocates on persons.person_key = advocates.person_key

),

phased as (

    select
        person_key,
        is_lead,
        is_active_by_order,
        is_active_by_contract,
        case
            when is_lead then 'acquisition'
            when order_count < 2 and (
                days_since_first_order <= {{ activation_days }}
                or days_since_first_contract <= {{ activation_days }}
            ) then 'activation'
            when is_advocate and (is_active_by_order or is_active_by_contract)
                then 'advocacy'
            when order_count = 1 and days_since_last_order > {{ activation_days }}
                and is_active_by_order and not is_active_by_contract
                then 'stalled'
            when is_active_by_order or is_active_by_contract then 'retention'
            else 'lapsed'
        end as lifecycle_phase

    from described

)

select * from phased
