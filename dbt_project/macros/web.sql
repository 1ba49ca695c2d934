{#- What visitors do, as the feed contract of web_events names it. -#}
{% macro web_event_names() %}
{{ return([
    'page_view', 'product_view', 'document_download', 'add_to_cart', 'begin_checkout',
    'purchase', 'sign_up', 'login', 'app_open', 'feature_use',
]) }}
{% endmacro %}

{#- `utm_campaign` is the id of a campaign: of the one system that delivers campaigns,
    else of the visit's own. -#}
{% macro web_campaign_key(system, campaign) -%}
{%- set owners = var('id_systems').get('campaign_id', {}) -%}
{%- if owners -%}
case {{ system }}
            {%- for system_name, owner in owners.items() %}
            when '{{ system_name }}' then '{{ owner }}'
            {%- endfor %}
            else {{ system }}
        end || ':' || {{ campaign }}
{%- else -%}
{{ system }} || ':' || {{ campaign }}
{%- endif -%}
{%- endmacro %}
