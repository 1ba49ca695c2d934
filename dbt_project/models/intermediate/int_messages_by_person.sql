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

    select * from {{ ref('int_message_counts') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

collapsed as (
    {{ collapse('counts', measures, event_cuts=['message_channel', 'campaign']) }}
),

dated as (

    select
        collapsed.*,
        case when collapsed.person_key is not null then 1 else 0 end as is_person,
        periods.days_counted

    from collapsed
    inner join periods
        on collapsed.grain = periods.grain
        and collapsed.period_start = periods.period_start

)

select * from dated
