{#- The group of a person by their answer to the question of the NPS, 0 to 10. -#}
{% macro nps_class(score) -%}
case
            when {{ score }} >= 9 then 'promoter'
            when {{ score }} >= 7 then 'passive'
            when {{ score }} >= 0 then 'detractor'
        end
{%- endmacro %}
