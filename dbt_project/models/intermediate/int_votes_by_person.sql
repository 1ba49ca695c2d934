{#- The last vote of each person in each period; by touchpoint the last at each. -#}
{%- set nps = ['votes', 'promoters', 'passives', 'detractors'] -%}
{%- set of_persons = [
    'promoters_known', 'detractors_known', 'promoters_followed', 'detractors_followed',
] -%}
{%- set weights = [
    'weighted_votes', 'weights', 'promoter_weights', 'detractor_weights',
] -%}
{%- set scores = ['votes', 'scores', 'squares'] -%}
{%- set whole = nps + of_persons + ['weighted_votes', 'good'] -%}
{%- set figures = {
    'nps': nps + of_persons + weights,
    'nps_touchpoint': nps,
    'enps': nps,
    'csat': scores + ['good'],
    'ces': scores + ['good'],
    'empathy_index': scores,
    'attachment_index': scores,
} -%}
{%- set at_any_touchpoint = [] -%}
{%- set by_touchpoint = [] -%}
{%- for measures, next_day in [
    (at_any_touchpoint, 'fact.next_day'),
    (by_touchpoint, 'fact.next_day_at_touchpoint'),
] -%}
    {%- set is_last = 'coalesce(' ~ next_day ~ ' >= days.period_end, true)' -%}
    {%- for figure, names in figures.items() -%}
        {%- for name in names -%}
            {%- set counts = "fact.figure = '" ~ figure ~ "' and " ~ is_last -%}
            {%- set counted = 'case when ' ~ counts ~ ' then fact.' ~ name ~ ' else 0 end' -%}
            {%- do measures.append((
                figure ~ '_' ~ name,
                sum_of_whole(counted) if name in whole else 'sum(' ~ counted ~ ')',
            )) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor -%}

with

followed as (

    select * from {{ ref('int_votes_followed') }}

),

classed as (

    select
        votes.*,
        case when votes.person_key is not null then votes.nps_class end as known_class,
        case when followed.response_key is not null then votes.nps_class end
            as followed_class

    from {{ ref('int_votes') }} as votes
    left join followed on votes.response_key = followed.response_key
    where votes.figure is not null

),

votes as (

    select
        *,
        1 as votes,
        case when nps_class = 'promoter' then 1 else 0 end as promoters,
        case when nps_class = 'passive' then 1 else 0 end as passives,
        case when nps_class = 'detractor' then 1 else 0 end as detractors,
        {%- for class in ['promoter', 'detractor'] %}
        {%- for kind in ['known', 'followed'] %}
        case when {{ kind }}_class = '{{ class }}' then 1 else 0 end
            as {{ class }}s_{{ kind }},
        {%- endfor %}
        {%- endfor %}
        case when weight is not null then 1 else 0 end as weighted_votes,
        coalesce(weight, 0) as weights,
        case when nps_class = 'promoter' then coalesce(weight, 0) else 0 end
            as promoter_weights,
        case when nps_class = 'detractor' then coalesce(weight, 0) else 0 end
            as detractor_weights,
        case
            when figure = 'csat' and score >= 4 then 1
            when figure = 'ces' and score >= 5 then 1
            else 0
        end as good,
        score as scores,
        score * score as squares

    from classed

),

collapsed as (
    {{ collapse('votes', at_any_touchpoint, event_cuts=['store', 'department']) }}
    union all
    {{ collapse('votes', by_touchpoint, event_cuts=['touchpoint'], overall=false) }}
)

select * from collapsed
