{#- The KPI engine, in four steps: a fact is collapsed to one row per grain, period and
    person (`collapse`), aggregated once for every cut (`measure`), told apart into one
    thin row per KPI (still `measure`), and finished alike for all (`kpi_values`). -#}

{#- The cuts that are attributes of a person. -#}
{% macro person_cuts() %}
{{ return([
    'membership_tier', 'prefecture', 'acquisition_channel', 'customer_segment', 'gender',
    'age_band', 'industry', 'company_size', 'tenure_band',
]) }}
{% endmacro %}

{#- The grains that are cut by more than `platform`. -#}
{% macro cut_grains() %}{{ return("('month', 'quarter', 'year')") }}{% endmacro %}

{#- Of a group of `cut_sets`: the cut and its value. -#}
{% macro cut_columns() -%}
case
            {%- for cut in person_cuts() %}
            when grouping({{ cut }}) = 0 then '{{ cut }}'
            {%- endfor %}
            else 'overall'
        end as segment_dimension,
        case
            {%- for cut in person_cuts() %}
            when grouping({{ cut }}) = 0 then {{ cut }}
            {%- endfor %}
            else 'all'
        end as segment_value
{%- endmacro %}

{#- Groups of the columns over all persons, and by each of their attributes. -#}
{% macro cut_sets(columns) -%}
grouping sets (
        ({{ columns | join(', ') }})
        {%- for cut in person_cuts() %},
        ({{ columns | join(', ') }}, {{ cut }})
        {%- endfor %}
    )
{%- endmacro %}

{#- The value of a store or campaign cut: its id, with its system where two deliver it.
    `of` says what names it, where that is not the first of its kind. -#}
{% macro cut_id(relation, name, of=name) -%}
case
            when (select several_{{ of }}_systems from {{ ref('int_cut_systems') }})
                then {{ relation }}.{{ name }}_key
            else {{ relation }}.{{ name }}_id
        end
{%- endmacro %}

{#- One row per grain, period, event cut and person: `fact` has a `day`, a
    `person_key` and one column per event cut. Measures are (name, aggregate) pairs.
    A distinct count becomes a sum of 0 and 1 hereafter. `only` names the grains wanted. -#}
{% macro collapse(
    fact, measures, event_cuts=[], key='person_key', overall=true, only=none
) %}
{%- for cut in (['overall'] if overall else []) + event_cuts %}
    {%- set conditions = [] -%}
    {%- if cut != 'overall' -%}{%- do conditions.append('fact.' ~ cut ~ ' is not null') -%}{%- endif -%}
    {%- if only -%}
        {%- do conditions.append("days.grain in ('" ~ only | join("', '") ~ "')") -%}
    {%- elif cut not in ('overall', 'platform') -%}
        {%- do conditions.append('days.grain in ' ~ cut_grains()) -%}
    {%- endif %}
    {{ 'union all' if not loop.first }}
    select
        days.grain,
        days.period_start,
        '{{ cut }}' as segment_dimension,
        {{ "'all'" if cut == 'overall' else 'fact.' ~ cut }} as segment_value,
        fact.{{ key }}
        {%- for name, aggregate in measures %},
        {{ aggregate }} as {{ name }}
        {%- endfor %}
    from {{ fact }} as fact
    inner join {{ ref('int_period_days') }} as days on fact.day = days.day
    {%- if conditions %}
    where {{ conditions | join('\n        and ') }}
    {%- endif %}
    group by
        days.grain, days.period_start, fact.{{ key }}
        {{- '' if cut == 'overall' else ', fact.' ~ cut }}
{% endfor -%}
{% endmacro %}

{#- A sum of whole numbers. DuckDB's own is 128 bits wide, which is slow to store and to
    read again. -#}
{% macro sum_of_whole(expression) %}cast(sum({{ expression }}) as bigint){% endmacro %}

{#- The KPIs declared beside this model, measured on `collapsed` in one pass: one row
    per KPI, grain, period and cut. `by_person` adds the cuts by a person's attributes
    as they were at the period's start. Every expression is computed once. -#}
{% macro measure(collapsed, by_person=true) %}
{%- set kpis = kpis_of_model() -%}
{%- set parts = ['numerator', 'denominator', 'extra', 'n', 'persons'] -%}
{%- set expressions = [] -%}
{%- for kpi in kpis -%}
    {%- for part in parts -%}
        {%- set expression = kpi_part(kpi, part) -%}
        {%- if expression not in expressions -%}{%- do expressions.append(expression) -%}{%- endif -%}
    {%- endfor -%}
{%- endfor -%}
with

collapsed as {{ inlined() }}(

    select * from {{ collapsed }}

),

{% if by_person -%}
attributes as (

    select * from {{ ref('int_person_attributes') }}

),

attributed as (

    select
        collapsed.*
        {%- for cut in person_cuts() %},
        attributes.{{ cut }}
        {%- endfor %}

    from collapsed
    inner join attributes
        on collapsed.person_key = attributes.person_key
        and collapsed.period_start >= attributes.valid_from
        and collapsed.period_start < attributes.valid_to
    where collapsed.segment_dimension = 'overall'
        and collapsed.grain in {{ cut_grains() }}

),

by_attribute as (

    select
        grain,
        period_start,
        {{ cut_columns() }}
        {%- for expression in expressions %},
        {{ expression }} as m{{ loop.index }}
        {%- endfor %}

    from attributed
    group by grouping sets (
        {%- for cut in person_cuts() %}
        (grain, period_start, {{ cut }}){{ ',' if not loop.last }}
        {%- endfor %}
    )

),

{% endif -%}
by_event as (

    select
        grain,
        period_start,
        segment_dimension,
        segment_value
        {%- for expression in expressions %},
        {{ expression }} as m{{ loop.index }}
        {%- endfor %}

    from collapsed
    group by grain, period_start, segment_dimension, segment_value

),

aggregated as (

    select * from by_event
    {%- if by_person %}

    union all

    select * from by_attribute
    {%- endif %}

),

measured as (

    {% for kpi in kpis -%}
    {{ 'union all' if not loop.first }}
    select
        '{{ kpi.code }}' as kpi,
        grain,
        period_start,
        segment_dimension,
        segment_value
        {%- for part in parts %},
        cast(m{{ expressions.index(kpi_part(kpi, part)) + 1 }} as
            {{- ' bigint' if part in ('n', 'persons') else ' double' }}) as {{ part }}
        {%- endfor %}
    from aggregated
    where segment_dimension in ('overall', '{{ kpi_cuts(kpi) | join("', '") }}')
        and grain in ('{{ kpi_grains(kpi) | join("', '") }}')
    {% endfor %}

)

select * from measured
{% endmacro %}

{#- The entries beside this model: dbt does not show them to a unit test, which says them. -#}
{% macro kpis_of_model() %}{{ return(model.config.meta.kpis) }}{% endmacro %}

{#- A part of a KPI's entry, with what follows from its kind where the entry is silent. -#}
{% macro kpi_part(kpi, part) -%}
{%- if kpi[part] is defined and kpi[part] is not none -%}
    {{- return(kpi[part] | string) -}}
{%- elif part == 'denominator' -%}
    {{- return('1') -}}
{%- elif part == 'n' -%}
    {{- return(kpi_part(kpi, 'numerator' if kpi.kind == 'count' else 'denominator')) -}}
{%- elif part == 'persons' -%}
    {{- return(kpi_part(kpi, 'n') if kpi.about is defined else 'null') -}}
{%- else -%}
    {{- return('null') -}}
{%- endif -%}
{%- endmacro %}

{% macro kpi_grains(kpi) -%}
{{ return(kpi.grains if kpi.grains is defined else grains()) }}
{%- endmacro %}

{#- `persons` in an entry's cuts stands for all the cuts by a person's attributes. -#}
{% macro kpi_cuts(kpi) -%}
{%- set cuts = [] -%}
{%- for cut in kpi.get('cuts', []) -%}
    {%- if cut == 'persons' -%}{%- do cuts.extend(person_cuts()) -%}
    {%- else -%}{%- do cuts.append(cut) -%}{%- endif -%}
{%- endfor -%}
{{ return(cuts) }}
{%- endmacro %}

{#- Every entry of the project, with the name of the model that it stands beside. -#}
{% macro kpi_entries() %}
{%- set entries = [] -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() | sort(attribute='name') -%}
        {%- for kpi in node.config.get('meta', {}).get('kpis', []) -%}
            {%- do entries.append(dict(kpi, fact=node.name)) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endif -%}
{{ return(entries) }}
{% endmacro %}

{#- A text as an SQL literal; nothing as a null. -#}
{% macro literal(value) -%}
{%- if value is none or value is undefined -%}cast(null as string)
{%- else -%}'{{ value | string | trim | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endif -%}
{%- endmacro %}

{#- The 97.5 % quantile of Student's t for many degrees of freedom, by the first terms of
    its expansion in 1/df (Abramowitz and Stegun 26.7.5): exact to 1e-11 beyond the 200
    that the seed `student_t` lists. -#}
{% macro student_t_quantile(df) -%}
(
            1.959963984540054 + 2.372271230298562 / {{ df }}
            + 2.8224986157396112 / ({{ df }} * {{ df }})
            + 2.555849679507722 / ({{ df }} * {{ df }} * {{ df }})
            + 1.5895340533938225 / ({{ df }} * {{ df }} * {{ df }} * {{ df }})
        )
{%- endmacro %}

{#- One side of the interval of a difference of two shares: the distances of each share
    to its own bound, squared and added (Newcombe 1998, method 10). -#}
{% macro newcombe_half(one, other) -%}
sqrt(
                ({{ one }}) * ({{ one }})
                + ({{ other }}) * ({{ other }})
            )
{%- endmacro %}

{#- The sum of columns of which a part may be unknown; unknown where all are. -#}
{% macro sum_of_known(columns) -%}
case
            when coalesce({{ columns | join(', ') }}) is not null
                then coalesce({{ columns | join(', 0) + coalesce(') }}, 0)
        end
{%- endmacro %}

{#- One number in percent of another; unknown where either is, or the other is 0. -#}
{% macro percent_of(part, whole) -%}
100 * cast({{ part }} as double) / nullif(cast({{ whole }} as double), 0)
{%- endmacro %}

{#- Cells with whether they are hidden. One with fewer than `smallest_cell` persons
    `is_small`; where of a cut exactly one is, it could be told from the total, so the next
    smallest goes with it. `cells` has `is_cut`, `is_small`, `persons`, `segment_value`. -#}
{% macro hide_small_cells(cells, partition) %}
    select
        *,
        is_small or (
            is_cut and small_cells = 1 and rank_of_the_rest = 1
        ) as is_suppressed

    from (
        select
            *,
            sum(case when is_small then 1 else 0 end) over (
                partition by {{ partition | join(', ') }}
            ) as small_cells,
            row_number() over (
                partition by {{ partition | join(', ') }}
                order by case when is_small then 1 else 0 end, persons, segment_value
            ) as rank_of_the_rest
        from {{ cells }}
    ) as ranked
{% endmacro %}
