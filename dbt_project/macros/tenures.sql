{#- The bands of days since the first order or contract, by the last day of each. -#}
{% macro tenure_bands() %}{{ return({90: '0-90', 365: '91-365'}) }}{% endmacro %}

{% macro tenure_band(days) -%}
case
            {%- for last_day, band in tenure_bands().items() %}
            when {{ days }} <= {{ last_day }} then '{{ band }}'
            {%- endfor %}
            when {{ days }} is not null then '{{ tenure_bands() | max + 1 }}+'
            else 'none'
        end
{%- endmacro %}
