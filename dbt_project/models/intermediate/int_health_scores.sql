{#- A part runs straight from 0 at `zero_score_at` to 100 at `full_score_at`. Parts are
    rounded to ten digits, so that their weighted sum is exact and needs no order. -#}
with

signals as (

    select * from {{ ref('int_health_signals') }}

),

components as (

    select * from {{ ref('health_components') }}

),

measured as (

    {% for component in health_components() -%}
    {{ 'union all' if not loop.first }}
    select
        person_key,
        '{{ component }}' as component,
        {{ component }} as value
    from signals
    where {{ component }} is not null
    {% endfor %}

),

scored as (

    select
        measured.person_key,
        measured.component,
        cast(components.weight as decimal(19, 6)) as weight,
        components.window_days,
        components.low_en,
        components.low_ja,
        components.high_en,
        components.high_ja,
        measured.value,
        cast(100 * least(greatest(
            (measured.value - components.zero_score_at)
            / nullif(components.full_score_at - components.zero_score_at, 0),
            0), 1) as decimal(15, 10)) as part

    from measured
    inner join components on measured.component = components.component

),

-- a part pulls by its weight and its distance from the middle
pulling as (

    select
        *,
        weight * (part - 50) as pull,
        cast(cast(round(value) as bigint) as string) as value_words,
        coalesce(cast(window_days as string), '') as days_words

    from scored

),

ranked as (

    select
        *,
        row_number() over (
            partition by person_key order by abs(pull) desc, component
        ) as strength,
        case when pull < 0 then low_en when pull > 0 then high_en end as words_en,
        case when pull < 0 then low_ja when pull > 0 then high_ja end as words_ja

    from pulling

),

summed as (

    select
        person_key,
        cast(sum(weight * part) as double)
        / nullif(cast(sum(weight) as double), 0) as health_score
        {%- for component in health_components() %},
        cast(max(case when component = '{{ component }}' then part end) as double)
            as health_{{ component }}_score
        {%- endfor %}
        {%- for reason in (1, 2, 3) %}
        {%- for language in ('en', 'ja') %},
        max(case when strength = {{ reason }} then replace(replace(
            words_{{ language }}, '{value}', value_words), '{days}', days_words)
        end) as health_reason_{{ reason }}_{{ language }}
        {%- endfor %}
        {%- endfor %}

    from ranked
    group by person_key

),

banded as (

    select
        summed.*,
        case
            when health_score >= {{ threshold('health_healthy_score') }} then 'healthy'
            when health_score >= {{ threshold('health_watch_score') }} then 'watch'
            when health_score is not null then 'at_risk'
        end as health_band

    from summed

)

select * from banded
