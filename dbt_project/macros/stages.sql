{#- The stages of the journey, each further than the one before it. -#}
{% macro journey_stages() %}
{{ return(['awareness', 'consideration', 'purchase', 'use', 'advocacy']) }}
{% endmacro %}

{#- The place of a stage in the journey, from 1. -#}
{% macro stage_number(stage) %}{{ return(journey_stages().index(stage) + 1) }}{% endmacro %}

{#- The stage that has that place. -#}
{% macro stage_name(number) -%}
case {{ number }}
            {%- for stage in journey_stages() %}
            when {{ loop.index }} then '{{ stage }}'
            {%- endfor %}
        end
{%- endmacro %}
