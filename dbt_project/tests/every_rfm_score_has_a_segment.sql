-- A company's own segments must leave nobody out.
with

segments as (

    select * from {{ ref('rfm_segments') }}

),

combinations as (

    {% for r in range(1, 6) -%}
    {% set outer = loop -%}
    {% for f in range(1, 6) -%}
    {% set middle = loop -%}
    {% for m in range(1, 6) -%}
    {{ 'union all ' if not (outer.first and middle.first and loop.first) -}}
    select {{ r }} as r_score, {{ f }} as f_score, {{ m }} as m_score
    {% endfor -%}
    {%- endfor -%}
    {%- endfor %}

),

left_out as (

    select combinations.*
    from combinations
    left join segments
        on combinations.r_score between segments.r_min and segments.r_max
        and combinations.f_score between segments.f_min and segments.f_max
        and combinations.m_score between segments.m_min and segments.m_max
    where segments.segment is null

)

select * from left_out
