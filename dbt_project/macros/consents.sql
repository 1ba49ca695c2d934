{#- The one gate: the persons who allow a purpose, as of the as-of date. Whatever is done for
    a purpose joins its persons to these. -#}
{% macro persons_who_allow(purpose) -%}
{%- if purpose not in var('consent_defaults') -%}
    {{ exceptions.raise_compiler_error('no purpose of the feed consents: ' ~ purpose) }}
{%- endif -%}
select person_key
    from {{ ref('int_consents') }}
    where purpose = '{{ purpose }}' and is_granted
{%- endmacro %}

{#- Whether a key is what stands for a person who was erased: it counts, and is nobody. -#}
{% macro is_erased(person_key) -%}
{{ person_key }} like '%:erased-______%'
{%- endmacro %}
