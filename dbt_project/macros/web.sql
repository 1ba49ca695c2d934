{#- What visitors do, as the feed contract of web_events names it. -#}
{% macro web_event_names() %}
{{ return([
    'page_view', 'product_view', 'document_download', 'add_to_cart', 'begin_checkout',
    'purchase', 'sign_up', 'login', 'app_open', 'feature_use',
]) }}
{% endmacro %}

{#- The key of an id that web events name, with the system that it is of: the one that
    `id_systems` names for it, else the visit's own. -#}
{% macro web_key(name, system, id) -%}
{{ key_of(id, var('id_systems').get(name, {}), system) }}
{%- endmacro %}
