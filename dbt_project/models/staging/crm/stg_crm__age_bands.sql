{%- set turns = [0, 20, 30, 40, 50, 60] -%}
{%- set bands = ['0-19', '20-29', '30-39', '40-49', '50-59', '60+'] -%}

with

customers as (

    select * from (
        {{ stage('crm', 'customers', every_version=true, private=true) }}
    ) as staged
    {% if execute %}where birth_date is not null{% endif %}

),

turned as (

    {% for age in turns -%}
    {{ 'union all' if not loop.first }}
    select
        customer_key,
        stated_at,
        '{{ bands[loop.index0] }}' as age_band,
        {{ birthday('birth_date', age) }} as valid_from,
        {% if loop.last -%}
        cast(null as date)
        {%- else -%}
        {{ birthday('birth_date', turns[loop.index]) }}
        {%- endif %} as valid_to
    from customers
    {% endfor %}

)

select * from turned
