with

rests_on as (

    {% for kpi in kpi_entries() -%}
    {% set outer = loop -%}
    {% for need in kpi.rests_on -%}
    {{ 'union all' if not (outer.first and loop.first) }}
    select
        '{{ kpi.code }}' as kpi,
        {{ loop.index }} as position,
        '{{ need }}' as need,
        '{{ need.split(".")[0] }}' as feed,
        {{ 'false' if '.' in need else 'true' }} as is_required
    {% endfor -%}
    {%- else -%}
    select
        cast(null as string) as kpi, 1 as position,
        cast(null as string) as need, cast(null as string) as feed,
        true as is_required
    {%- endfor %}

),

delivered as (

    select distinct feed from {{ ref('stg_ledger__loads') }}

),

joined as (

    select
        rests_on.*,
        delivered.feed is not null as is_delivered

    from rests_on
    left join delivered on rests_on.feed = delivered.feed

)

select * from joined
