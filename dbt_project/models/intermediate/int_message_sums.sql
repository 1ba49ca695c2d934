{#- The messages to a person, added up; what depends on the as-of date is told afterwards. -#}
{{ config(meta={'kept_by': 'int_touched_recipients'}) }}
{%- set rates = [
    'delivery', 'open', 'raw_open', 'click', 'click_to_open', 'unsubscribe', 'bounce',
] -%}
{%- set measures = [
    ('messages', sum_of_whole('fact.messages')),
    ('rows_counted', 'count(*)'),
    ('emails_counted', sum_of_whole('fact.is_email')),
    ('emails', sum_of_whole('fact.emails')),
] -%}
{%- for rate in rates -%}
    {%- for part in ('base', 'part') -%}
        {%- set name = rate ~ '_' ~ part -%}
        {%- do measures.append((name, sum_of_whole('fact.' ~ name))) -%}
    {%- endfor -%}
{%- endfor -%}
with

counts as (

    select * from {{ touched('int_message_counts', 'int_touched_recipients') }}

),

collapsed as (
    {{ collapse('counts', measures, event_cuts=['message_channel', 'campaign']) }}
)

select * from collapsed
