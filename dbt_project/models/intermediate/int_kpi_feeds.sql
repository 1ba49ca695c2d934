{#- A need may name alternatives: `orders or subscriptions`. A feed of which never a row arrived,
    but headers alone, is as good as none: its counts are unknown, and not 0. -#}
with

alternatives as (

    {% for kpi in kpi_entries() -%}
    {% set outer = loop -%}
    {% for need in kpi.rests_on -%}
    {% set inner = loop -%}
    {% for alternative in need.split(' or ') -%}
    {{ 'union all' if not (outer.first and inner.first and loop.first) }}
    select
        '{{ kpi.code }}' as kpi,
        {{ inner.index }} as position,
        '{{ need }}' as need,
        '{{ need.split(".")[0] }}' as feed,
        '{{ alternative.split(".")[0] }}' as alternative,
        {{ 'false' if '.' in need else 'true' }} as is_required
    {% endfor -%}
    {% endfor -%}
    {%- else -%}
    select
        cast(null as string) as kpi, 1 as position,
        cast(null as string) as need, cast(null as string) as feed,
        cast(null as string) as alternative, true as is_required
    {%- endfor %}

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
