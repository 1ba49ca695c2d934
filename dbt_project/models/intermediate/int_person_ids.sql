{#- An id that no link joins to others is a person by itself. -#}
{%- set seen = [
    ('stg_crm__identities', ['customer_key'], 'linked_at'),
    ('stg_crm__consents', ['customer_key'], 'recorded_at'),
    ('stg_crm__subscriptions', ['customer_key'], 'started_at'),
    ('stg_crm__support_tickets', ['customer_key'], 'opened_at'),
    ('stg_crm__message_events', ['customer_key'], 'occurred_at'),
    ('stg_crm__experiment_assignments', ['customer_key'], 'assigned_at'),
    ('stg_crm__referrals', ['referrer_customer_key', 'referee_customer_key'], 'referred_at'),
    ('stg_crm__community_events', ['customer_key'], 'occurred_at'),
    ('stg_crm__feedback_items', ['customer_key'], 'received_at'),
    ('stg_orders__orders', ['customer_key'], 'ordered_at'),
    ('refunds', ['customer_key'], 'refunded_at'),
    ('stg_survey__invitations', ['customer_key'], 'sent_at'),
    ('stg_survey__responses', ['customer_key'], 'responded_at'),
    ('int_web_visits', ['customer_key'], 'started_at'),
] -%}

with

-- a refund without a time has its order's
refunds as (

    select
        refunds.customer_key,
        coalesce(refunds.refunded_at, orders.ordered_at) as refunded_at

    from {{ ref('stg_orders__refunds') }} as refunds
    left join {{ ref('stg_orders__orders') }} as orders
        on case when refunds.refunded_at is null then refunds.order_key end = orders.order_key

),

seen as (

    select
        customer_key,
        cast(null as timestamp) as seen_at
    from {{ ref('stg_crm__customers') }}
    where created_at is null or created_at < {{ end_of_as_of() }}
    {%- for model, keys, event_at in seen -%}
    {%- for key in keys %}

    union all

    select
        {{ key }} as customer_key,
        min({{ event_at }}) as seen_at
    from {{ model if model == 'refunds' else ref(model) }}
    where {{ key }} is not null
        and ({{ event_at }} is null or {{ event_at }} < {{ end_of_as_of() }})
    group by {{ key }}
    {%- endfor -%}
    {%- endfor %}

),

firsts as (

    select
        customer_key,
        min(seen_at) as first_seen_at

    from seen
    group by customer_key

),

links as (

    select * from {{ ref('stg_ledger__person_links') }}

),

linked as (

    select
        firsts.customer_key,
        coalesce(links.person_key, firsts.customer_key) as person_key,
        coalesce(links.rule, 'first') as rule,
        links.linked_to,
        coalesce(links.probability, cast(1 as double)) as probability,
        links.since_date,
        firsts.first_seen_at

    from firsts
    left join links on firsts.customer_key = links.customer_key

)

select * from linked
