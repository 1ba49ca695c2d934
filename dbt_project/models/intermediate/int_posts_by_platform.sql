{#- A post without one side of a rate is left out of both. -#}
{%- set rates = {
    'by_reach': ('engagements', 'reach'),
    'by_reach_with_saves': ('engagements_with_saves', 'reach'),
    'by_impressions': ('interactions', 'impressions'),
    'by_followers': ('engagements', 'followers'),
} -%}
{%- set measures = [('posts', 'count(*)')] -%}
{%- for figure in ['likes', 'comments', 'shares', 'saves', 'impressions', 'reach'] -%}
    {%- do measures.append((figure, 'sum(fact.' ~ figure ~ ')')) -%}
{%- endfor -%}
{%- for name, (part, base) in rates.items() -%}
    {%- set has_both = 'fact.' ~ part ~ ' + fact.' ~ base ~ ' is not null' -%}
    {%- for measure, value in [
        ('posts', '1'), ('part', 'fact.' ~ part), ('base', 'fact.' ~ base),
    ] -%}
        {%- do measures.append((
            measure ~ '_' ~ name,
            'sum(case when ' ~ has_both ~ ' then ' ~ value ~ ' end)',
        )) -%}
    {%- endfor -%}
{%- endfor -%}

with

posts as (

    select * from {{ ref('int_posts') }}

),

collapsed as (
    {{ collapse('posts', measures, event_cuts=['platform', 'content_type', 'campaign'],
        key='platform') }}
)

select * from collapsed
