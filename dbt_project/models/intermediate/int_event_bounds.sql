{%- set events = [
    ('stg_crm__consents', 'recorded_at'),
    ('stg_crm__erasure_requests', 'requested_at'),
    ('stg_crm__subscriptions', 'started_at'),
    ('stg_crm__subscription_changes', 'effective_at'),
    ('stg_crm__support_tickets', 'opened_at'),
    ('stg_crm__campaigns', 'started_at'),
    ('stg_crm__message_events', 'occurred_at'),
    ('stg_crm__message_stats_daily', 'date'),
    ('stg_crm__experiment_assignments', 'assigned_at'),
    ('stg_crm__referrals', 'referred_at'),
    ('stg_crm__community_events', 'occurred_at'),
    ('stg_crm__feedback_items', 'received_at'),
    ('stg_crm__action_outcomes', 'done_at'),
    ('stg_orders__orders', 'ordered_at'),
    ('stg_orders__refunds', 'refunded_at'),
    ('stg_survey__invitations', 'sent_at'),
    ('stg_survey__responses', 'responded_at'),
    ('stg_sns__accounts_daily', 'date'),
    ('stg_sns__posts', 'posted_at'),
    ('stg_sns__post_metrics_daily', 'date'),
    ('stg_sns__mentions', 'occurred_at'),
    ('int_web_visits', 'started_at'),
    ('stg_web__ads_daily', 'date'),
    ('stg_web__search_daily', 'date'),
] -%}

with

firsts as (

    {% for model, event_at in events -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ model }}' as model,
        {% if event_at == 'date' -%}
        min(date) as first_date
        {%- else -%}
        {{ business_date('min(' ~ event_at ~ ')') }} as first_date
        {%- endif %}
    from {{ ref(model) }}
    {% endfor %}

),

bounds as (

    select
        min(first_date) as first_date,
        {{ as_of_date() }} as last_date

    from firsts
    where first_date <= {{ as_of_date() }}

)

select * from bounds
