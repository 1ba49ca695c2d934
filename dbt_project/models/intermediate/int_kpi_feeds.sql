{#- A need may name alternatives: `orders or subscriptions`. A feed of which never a row arrived,
    but headers alone, is as good as none: its counts are unknown, and not 0. -#}
{%- set rows = [] -%}
{%- for kpi in kpi_entries() -%}
    {%- for need in kpi.rests_on -%}
        {%- set position = loop.index -%}
        {%- for alternative in need.split(' or ') -%}
            {%- set texts = [kpi.code, need, need.split('.')[0], alternative.split('.')[0]] -%}
            {%- do rows.append(
                "('" ~ texts | join("', '") ~ "', " ~ position ~ ', '
                ~ ('false' if '.' in need else 'true') ~ ')'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor -%}
with

alternatives as (

    select * from (values
        {{ rows | join(',\n        ') }}
    ) as needs (kpi, need, feed, alternative, position, is_required)

),

delivered as (

    select distinct feed from {{ ref('stg_ledger__loads') }}
    where rows_loaded > 0

),

joined as (

    select
        alternatives.kpi,
        alternatives.position,
        alternatives.need,
        alternatives.feed,
        alternatives.is_required,
        max(case when delivered.feed is not null then 1 else 0 end) = 1 as is_delivered

    from alternatives
    left join delivered on alternatives.alternative = delivered.feed
    group by
        alternatives.kpi, alternatives.position, alternatives.need,
        alternatives.feed, alternatives.is_required

)

select * from joined
