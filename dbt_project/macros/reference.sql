{#- The names that the tables of `seeds/reference` may use: `reference_rows_name_what_exists`
    holds a company's own tables to them. -#}

{% macro threshold_names() %}
{{ return([
    'activation_days',
    'contact_fatigue_30_days',
    'contact_response_days',
    'contact_shrinkage_messages',
    'health_healthy_score',
    'health_watch_score',
    'quadrant_behaviour_score',
    'quadrant_consciousness_score',
    'repurchase_shrinkage_intervals',
]) }}
{% endmacro %}

{% macro threshold(name) -%}
(select value from {{ ref('thresholds') }} where name = '{{ name }}')
{%- endmacro %}

{% macro health_components() %}
{{ return([
    'recency', 'frequency_trend', 'app_use', 'feature_use', 'last_nps', 'open_tickets',
    'ticket_trend', 'message_response', 'days_to_renewal', 'contract_age',
]) }}
{% endmacro %}

{#- What a social network counts, and can come to count otherwise. -#}
{% macro breakable_metrics() %}{{ return(post_figures() + ['followers']) }}{% endmacro %}

{#- The ways to reach a person for which consent is kept. -#}
{% macro contact_channels() %}
{{ return(['email', 'line', 'sms', 'push', 'phone']) }}
{% endmacro %}

{#- The parts of the behaviour score, as `behaviour_components.csv` weighs them. -#}
{% macro behaviour_components() %}
{{ return([
    'repeat_orders', 'new_categories', 'upgrades', 'premium_items', 'referrals', 'feedback',
    'social',
]) }}
{% endmacro %}
