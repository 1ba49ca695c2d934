{#- Events of the web are read as the visits that they make: those are few. -#}
{%- set instead = {'stg_web__web_events': ('int_web_visits', 'started_at')} -%}

with

firsts as (

    {% for staged, event_at_of_feed in var('event_times', {}).items() -%}
    {%- set model, event_at = instead.get(staged, (staged, event_at_of_feed)) -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ model }}' as model,
        {% if event_at == 'date' -%}
        min(date) as first_date
        {%- else -%}
        {{ business_date('min(' ~ event_at ~ ')') }} as first_date
        {%- endif %}
    from {{ ref(model) }}
    {% endfor %}

),

bounds as (

    select
        min(first_date) as first_date,
        {{ as_of_date() }} as last_date

    from firsts
    where first_date <= {{ as_of_date() }}

)

select * from bounds
