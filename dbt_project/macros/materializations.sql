{#- Tables and views of a file that one run alone writes: nobody reads them while they are made,
    so they are made under their own name. dbt-duckdb's own are made under another and renamed,
    which costs more than most of them hold. -#}

{% materialization table, adapter='duckdb' %}
{%- set relation = this.incorporate(type='table') -%}
{%- set kept = config.get('meta', {}) -%}
{% if kept.kept_by and builds_on_before() %}
{% set rows = renew(relation, kept.kept_by, kept.get('key', 'person_key'), compiled_code) %}
{% else %}
{{ drop_relation_if_exists(load_cached_relation(this)) }}
{% call statement('main', fetch_result=True) -%}
    {{ create_table_as(False, relation, compiled_code) }}
{%- endcall %}
{#- DuckDB answers with the rows that it wrote, which dbt drops: told so, it tells the night. -#}
{% set rows = load_result('main').data[0][0] %}
{% endif %}
{% do store_raw_result('main', message=rows ~ ' rows', code='', rows_affected=rows) %}
{% do adapter.commit() %}
{{ return({'relations': [relation]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
{%- set relation = this.incorporate(type='view') -%}
{{ drop_relation_if_exists(load_cached_relation(this)) }}
{% call statement('main') -%}
    {{ create_view_as(relation, compiled_code) }}
{%- endcall %}
{% do adapter.commit() %}
{{ return({'relations': [relation]}) }}
{% endmaterialization %}
