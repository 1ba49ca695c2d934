{#- Reading the facts here keeps the catalog after every model with entries. -#}
{%- do ref('int_kpis_measured') -%}
{%- set intervals = {"percent": "wilson", "mean": "t", "nps": "nps", "gap": "newcombe"} -%}

with

entries as (

    {% for kpi in kpi_entries() -%}
    {{ 'union all' if not loop.first }}
    select
        {{ literal(kpi.code) }} as kpi,
        {{ literal(kpi.ja) }} as name_ja,
        {{ literal(kpi.en) }} as name_en,
        {{ literal(kpi.unit) }} as unit,
        {{ literal(kpi.kind) }} as kind,
        {{ literal(kpi.direction) }} as direction,
        {{ literal(kpi.stage) }} as stage,
        {{ literal(kpi.department) }} as department,
        {{ literal(kpi.numerator_words) }} as numerator,
        {{ literal(kpi.denominator_words) }} as denominator,
        {{ literal(kpi.base) }} as denominator_kind,
        {{ literal(kpi.interval if kpi.interval is defined else intervals.get(kpi.kind, 'none')) }} as interval,
        {{ literal(kpi_grains(kpi) | join(', ')) }} as grains,
        {{ literal(kpi_cuts(kpi) | join(', ')) }} as cuts,
        {{ literal(kpi.rests_on | join(', ')) }} as source,
        {{ literal(kpi.drill_into) }} as drill_into,
        {{ literal(kpi.about) }} as about,
        {{ literal(kpi.get('of')) }} as derived_from,
        {{ literal(local_md5(tojson(kpi, sort_keys=true) ~ var('definitions')))
        }} as definition_hash,
        {{ kpi.get('version', 1) }} as definition_version,
        {{ var(kpi.matures_after) if kpi.matures_after is string
            else kpi.get('matures_after', 0) }} as matures_after_days,
        {{ kpi.get('is_headline', false) | string | lower }} as is_headline,
        {{ kpi.get('is_first_based', false) | string | lower }} as is_first_based,
        {{ kpi.get('is_to_date', false) | string | lower }} as is_to_date,
        {{ kpi.get('is_stock', false) | string | lower }} as is_stock,
        {{ kpi.get('is_as_of_only', false) | string | lower }} as is_as_of_only
    {% endfor %}

)

select * from entries
