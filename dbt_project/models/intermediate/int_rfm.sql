with

totals as (

    select * from {{ ref('int_person_totals') }}
    where order_count > 0

),

cutpoints as (

    select * from {{ ref('rfm_cutpoints') }}

),

segments as (

    select * from {{ ref('rfm_segments') }}

),

persons as (

    select
        person_key,
        cast({{ days_between('last_ordered_date', as_of_date()) }} as bigint) as recency_days,
        cast(order_count_365_days as bigint) as order_count,
        net_revenue_amount_365_days as net_revenue_amount

    from totals

),

values_seen as (

    select distinct
        'recency_days' as dimension,
        recency_days as seen
    from persons

    union all

    select distinct
        'order_count' as dimension,
        order_count as seen
    from persons

),

scores as (

    select
        values_seen.dimension,
        values_seen.seen,
        coalesce(max(case
            when coalesce(values_seen.seen >= cutpoints.at_least, true)
                and coalesce(values_seen.seen <= cutpoints.at_most, true)
                then cutpoints.score
        end), 1) as score

    from values_seen
    left join cutpoints on values_seen.dimension = cutpoints.dimension
    group by values_seen.dimension, values_seen.seen

),

-- the window ends with the row's peers, so that equal values rank alike
ranked as (

    select
        person_key,
        count(*) over (order by net_revenue_amount) as ranked_count,
        count(*) over () as spender_count

    from persons
    where net_revenue_amount > 0

),

-- ceil(5 * cume_dist) in whole numbers: one more for each fifth that lies below
quintiles as (

    select
        person_key,
        1
        {%- for fifth in range(1, 5) %}
        + case when 5 * ranked_count > {{ fifth }} * spender_count then 1 else 0 end
        {%- endfor %} as score

    from ranked

),

scored as (

    select
        persons.person_key,
        recency.score as r_score,
        frequency.score as f_score,
        cast(coalesce(quintiles.score, 1) as bigint) as m_score

    from persons
    inner join scores as recency
        on recency.dimension = 'recency_days' and persons.recency_days = recency.seen
    inner join scores as frequency
        on frequency.dimension = 'order_count' and persons.order_count = frequency.seen
    left join quintiles on persons.person_key = quintiles.person_key

),

combinations as (

    select distinct
        r_score,
        f_score,
        m_score
    from scored

),

placed as (

    select
        combinations.r_score,
        combinations.f_score,
        combinations.m_score,
        min(segments.position) as position

    from combinations
    left join segments
        on combinations.r_score between segments.r_min and segments.r_max
        and combinations.f_score between segments.f_min and segments.f_max
        and combinations.m_score between segments.m_min and segments.m_max
    group by combinations.r_score, combinations.f_score, combinations.m_score

),

described as (

    select
        scored.person_key,
        scored.r_score,
        scored.f_score,
        scored.m_score,
        segments.segment as rfm_segment,
        segments.name_en as rfm_segment_name_en,
        segments.name_ja as rfm_segment_name_ja

    from scored
    inner join placed
        on scored.r_score = placed.r_score
        and scored.f_score = placed.f_score
        and scored.m_score = placed.m_score
    left join segments on placed.position = segments.position

)

select * from described
