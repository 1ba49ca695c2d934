{#- What a row of a stream of purchases measures, each with what it is of a row that says
    nothing of it. -#}
{% macro purchase_measures() %}
{%- set no_amount = 'cast(null as decimal(38, 12))' -%}
{%- set no_date = 'cast(null as date)' -%}
{{ return({
    'orders': '0',
    'refunds': '0',
    'goods_amount': no_amount,
    'refund_amount': no_amount,
    'profit_amount': no_amount,
    'first_ordered_date': no_date,
    'first_category_date': no_date,
    'first_family_date': no_date,
    'first_graded_date': no_date,
    'first_as_high_date': no_date,
    'listed_items': '0',
    'listed_amount': no_amount,
    'full_price_amount': no_amount,
    'referenced_items': '0',
    'referenced_amount': no_amount,
    'premium_amount': no_amount,
}) }}
{% endmacro %}

{#- The columns of one part of a stream, from `told`, name to expression. -#}
{% macro stream_columns(measures, told) -%}
{%- for name, nothing in measures.items() %}
        {{ told.get(name, nothing) }} as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro %}
