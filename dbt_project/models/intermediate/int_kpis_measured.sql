{#- Every fact that KPIs are measured on. -#}
{%- set facts = [
    'int_purchases_measured',
    'int_acquisitions_measured',
    'int_activations_measured',
    'int_states_measured',
    'int_terms_measured',
    'int_lifetime_values_measured',
    'int_votes_measured',
    'int_invitations_measured',
    'int_messages_measured',
    'int_posts_measured',
    'int_followers_measured',
    'int_mentions_measured',
    'int_ugc_measured',
    'int_community_acts_measured',
    'int_searches_measured',
    'int_ads_measured',
    'int_web_visitors_measured',
    'int_web_sessions_measured',
    'int_app_uses_measured',
    'int_tickets_measured',
    'int_ticket_times_measured',
    'int_actives_measured',
    'int_new_customers_measured',
] -%}

with

measured as (

    {% for fact in facts -%}
    {{ 'union all' if not loop.first }}
    select
        kpi,
        grain,
        period_start,
        segment_dimension,
        segment_value,
        numerator,
        denominator,
        extra,
        n,
        persons
    from {{ ref(fact) }}
    {% endfor %}

)

select * from measured
