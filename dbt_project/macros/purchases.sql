{#- What a row of a stream of purchases measures, each with what it is of a row that says
    nothing of it. -#}
{% macro purchase_measures() %}
{%- set no_date = 'cast(null as date)' -%}
{{ return(dict(
    nothing_of(purchase_sums()), first_graded_date=no_date, first_as_high_date=no_date
)) }}
{% endmacro %}

{#- What each of such sums is of a row that says nothing of it. -#}
{% macro nothing_of(sums) %}
{%- set nothing = {'whole': '0', 'sum': 'cast(null as decimal(38, 12))'} -%}
{%- set measures = {} -%}
{%- for name, kind in sums.items() -%}
    {%- do measures.update({name: nothing.get(kind, 'cast(null as date)')}) -%}
{%- endfor -%}
{{ return(measures) }}
{% endmacro %}

{#- The columns of one part of a stream, from `told`, name to expression. -#}
{% macro stream_columns(measures, told) -%}
{%- for name, nothing in measures.items() %}
        {{ told.get(name, nothing) }} as {{ name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{#- How rows of a stream become one: what is counted or paid is added up, and of dates the one is
    kept that a period's start or end is compared with. -#}
{% macro purchase_sums() %}
{{ return({
    'orders': 'whole',
    'refunds': 'whole',
    'goods_amount': 'sum',
    'refund_amount': 'sum',
    'profit_amount': 'sum',
    'first_ordered_date': 'min',
    'first_category_date': 'max',
    'first_family_date': 'min',
    'listed_items': 'whole',
    'listed_amount': 'sum',
    'full_price_amount': 'sum',
    'referenced_items': 'whole',
    'referenced_amount': 'sum',
    'premium_amount': 'sum',
}) }}
{% endmacro %}

{#- The same of what only a stream of whole orders tells. -#}
{% macro first_purchase_sums() %}
{{ return({
    'first_orders': 'whole',
    'first_orders_matured': 'whole',
    'first_orders_repeated': 'whole',
    'second_ordered_date': 'min',
}) }}
{% endmacro %}

{#- (name, aggregate) pairs for `collapse`, of such sums over rows of `fact`. -#}
{% macro summed(sums) %}
{%- set pairs = [] -%}
{%- for name, kind in sums.items() -%}
    {%- do pairs.append((
        name,
        sum_of_whole('fact.' ~ name) if kind == 'whole' else kind ~ '(fact.' ~ name ~ ')',
    )) -%}
{%- endfor -%}
{{ return(pairs) }}
{% endmacro %}

{#- Whether a row's grade is higher than any of its family before the period that begins with
    `start`, and the family was ordered then. -#}
{% macro upgrades_since(start) -%}
max(case
            when fact.first_graded_date < {{ start }} and fact.first_as_high_date >= {{ start }}
                then 1
            else 0
        end)
{%- endmacro %}
