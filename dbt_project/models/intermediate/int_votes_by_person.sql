{#- The last vote of each person in each period; by touchpoint the last at each. -#}
{%- set last = '(fact.next_day is null or fact.next_day >= days.period_end)' -%}
{%- set last_at_touchpoint -%}
(fact.next_day_at_touchpoint is null or fact.next_day_at_touchpoint >= days.period_end)
{%- endset -%}
{%- set overall = [] -%}
{%- set by_touchpoint = [] -%}
{%- for figure in ['nps', 'nps_touchpoint', 'enps', 'csat', 'ces'] -%}
    {%- if figure in ['csat', 'ces'] -%}
        {%- set values = {
            'votes': '1',
            'scores': 'fact.score',
            'squares': 'fact.score * fact.score',
            'good': 'case when fact.score >= ' ~ {'csat': 4, 'ces': 5}[figure] ~ ' then 1 else 0 end',
        } -%}
    {%- else -%}
        {%- set values = {
            'votes': '1',
            'promoters': "case when fact.nps_class = 'promoter' then 1 else 0 end",
            'passives': "case when fact.nps_class = 'passive' then 1 else 0 end",
            'detractors': "case when fact.nps_class = 'detractor' then 1 else 0 end",
        } -%}
    {%- endif -%}
    {%- if figure == 'nps' -%}
        {%- do values.update({
            'weighted_votes': 'case when fact.weight is not null then 1 else 0 end',
            'weights': 'coalesce(fact.weight, 0)',
            'promoter_weights': "case when fact.nps_class = 'promoter' then coalesce(fact.weight, 0) else 0 end",
            'detractor_weights': "case when fact.nps_class = 'detractor' then coalesce(fact.weight, 0) else 0 end",
        }) -%}
    {%- endif -%}
    {%- for name, value in values.items() -%}
        {%- set sum_of = "sum(case when fact.figure = '" ~ figure ~ "' and %s then " ~ value ~ ' else 0 end)' -%}
        {%- do overall.append(
            (figure ~ '_' ~ name, sum_of % (last_at_touchpoint if figure == 'nps_touchpoint' else last))
        ) -%}
        {%- do by_touchpoint.append((figure ~ '_' ~ name, sum_of % last_at_touchpoint)) -%}
    {%- endfor -%}
{%- endfor -%}

with

votes as (

    select * from {{ ref('int_votes') }}
    where figure is not null

),

collapsed as (
    {{ collapse('votes', overall, event_cuts=['store', 'department']) }}
    union all
    {{ collapse('votes', by_touchpoint, event_cuts=['touchpoint'], overall=false) }}
)

select * from collapsed
