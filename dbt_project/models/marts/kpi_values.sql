{#- Finishes every KPI alike: the spine of periods, small cells, value and interval by
    kind, neighbours by calendar, targets. -#}
{%- set z = 1.959963984540054 -%}
{#- the adjusted Wald interval of an NPS is published with this rounding -#}
{%- set z_nps = 1.959964 -%}
with

catalog as (

    select * from {{ ref('kpi_catalog') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

measured as (

    select * from {{ ref('int_kpis_measured') }}

),

needs as (

    select
        kpi,
        min(case when is_delivered then 1 else 0 end) = 1 as is_live

    from {{ ref('int_kpi_feeds') }}
    where is_required
    group by kpi

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

student_t as (

    select * from {{ ref('student_t') }}

),

breaks as (

    select * from {{ ref('int_series_breaks') }}

),

defined as (

    select
        catalog.*,
        coalesce(needs.is_live, false) as is_live

    from catalog
    left join needs on catalog.kpi = needs.kpi

),

-- overall has every period; a cut only those where its base is not empty
overall as (

    select
        defined.kpi,
        periods.grain,
        periods.period_start,
        'overall' as segment_dimension,
        'all' as segment_value,
        measured.numerator,
        measured.denominator,
        measured.extra,
        case when defined.is_live then coalesce(measured.n, 0) end as n,
        case
            when defined.is_live and defined.about is not null
                then coalesce(measured.persons, 0)
        end as persons,
        defined.is_live and measured.kpi is null as is_empty

    from defined
    cross join periods
    left join measured
        on defined.kpi = measured.kpi
        and periods.grain = measured.grain
        and periods.period_start = measured.period_start
        and measured.segment_dimension = 'overall'
    where defined.derived_from is null
        and concat(', ', defined.grains, ',') like concat('%, ', periods.grain, ',%')
        and (periods.holds_as_of or not defined.is_as_of_only)

),

cut as (

    select
        measured.kpi,
        measured.grain,
        measured.period_start,
        measured.segment_dimension,
        measured.segment_value,
        measured.numerator,
        measured.denominator,
        measured.extra,
        measured.n,
        measured.persons,
        false as is_empty

    from measured
    inner join defined on measured.kpi = defined.kpi
    where measured.segment_dimension <> 'overall'
        and measured.segment_value is not null
        and measured.n > 0
        and defined.is_live

),

cells as (

    select * from overall

    union all

    select * from cut

),

filled as (

    select
        cells.kpi,
        cells.grain,
        cells.period_start,
        cells.segment_dimension,
        cells.segment_value,
        case
            when defined.kind = 'median' or not defined.is_live then null
            when cells.is_empty and not defined.is_stock then 0
            else cells.numerator
        end as numerator,
        case
            when defined.kind = 'median' or not defined.is_live then null
            when defined.kind in ('count', 'sum') then 1
            when cells.is_empty then 0
            else cells.denominator
        end as denominator,
        cells.extra,
        cells.n,
        cells.persons,
        defined.kind,
        defined.interval as interval_kind,
        defined.about,
        defined.smallest_cell

    from cells
    inner join (
        select
            *,
            case about
                when 'persons' then {{ var('min_cell_size') }}
                when 'employees' then {{ var('min_cell_size_employees') }}
            end as smallest_cell
        from defined
    ) as defined on cells.kpi = defined.kpi

),

judged as (

    select
        *,
        about is not null and segment_dimension <> 'overall' as is_cut,
        coalesce(
            segment_dimension <> 'overall' and persons < smallest_cell, false
        ) as is_small

    from filled

),

suppressed as (
    {{ hide_small_cells(
        'judged', ['kpi', 'grain', 'period_start', 'segment_dimension']
    ) }}
),

shown as (

    select
        kpi,
        grain,
        period_start,
        segment_dimension,
        segment_value,
        kind,
        interval_kind,
        is_suppressed,
        {%- for column in ['numerator', 'denominator', 'extra', 'n', 'persons'] %}
        case when not is_suppressed then {{ column }} end as {{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}

    from suppressed

),

valued as (

    select
        *,
        case
            when kind in ('count', 'sum') then numerator
            when kind in ('percent', 'nps') then 100 * numerator / nullif(denominator, 0)
            when kind in ('ratio', 'mean') then numerator / nullif(denominator, 0)
            when kind = 'median' then extra
            when kind = 'gap' then 100 * (
                numerator / nullif(denominator, 0) - extra / nullif(n - denominator, 0)
            )
        end as value,
        numerator / nullif(denominator, 0) as share,
        case when kind = 'gap' then denominator else cast(n as double) end as base,
        -- of a gap, `extra` is the other numerator, and the rest of `n` its denominator;
        -- of an NPS, promoters + detractors; of a mean, the sum of squares
        case when kind = 'gap' then extra / nullif(n - denominator, 0) end as other_share,
        case when kind = 'gap' then n - denominator end as other_base,
        case when kind = 'nps' then ((extra + numerator) / 2 + 0.75) / (n + 3) end
            as adjusted_promoters,
        case when kind = 'nps' then ((extra - numerator) / 2 + 0.75) / (n + 3) end
            as adjusted_detractors,
        case when n > 1 then
            -- what rounding leaves of equal scores is no spread
            sqrt(case
                when extra - numerator * numerator / n > 1e-14 * extra
                    then (extra - numerator * numerator / n) / (n - 1) / n
                else 0
            end)
        end as standard_error

    from shown

),

spread as (

    select
        valued.*,
        {%- for side in ['', 'other_'] %}
        {%- set share = side ~ 'share' %}
        {%- set base = side ~ 'base' %}
        (
            {{ share }} + {{ z * z }} / (2 * {{ base }})
        ) / (1 + {{ z * z }} / {{ base }}) as {{ side }}wilson_centre,
        {{ z }} * sqrt(
            greatest({{ share }} * (1 - {{ share }}), 0) / {{ base }}
            + {{ z * z }} / (4 * {{ base }} * {{ base }})
        ) / (1 + {{ z * z }} / {{ base }}) as {{ side }}wilson_half,
        {%- endfor %}
        sqrt(
            adjusted_promoters + adjusted_detractors
            - (adjusted_promoters - adjusted_detractors)
            * (adjusted_promoters - adjusted_detractors)
        ) * {{ z_nps }} / sqrt(n + 3) as nps_half,
        standard_error * coalesce(student_t.quantile, {{ student_t_quantile('(base - 1)') }})
            as mean_half

    from valued
    left join student_t
        on case when valued.kind = 'mean' then valued.n - 1 end
        = student_t.degrees_of_freedom

),

bounded as (

    select
        kpi,
        grain,
        period_start,
        segment_dimension,
        segment_value,
        case when kind <> 'gap' then numerator end as numerator,
        case when kind <> 'gap' then denominator end as denominator,
        value,
        case
            when n is null or n = 0 or value is null then null
            when interval_kind = 'wilson' then 100 * greatest(wilson_centre - wilson_half, 0)
            when n = 1 then null
            when interval_kind = 'newcombe' then greatest(value - 100 * {{ newcombe_half(
                'share - (wilson_centre - wilson_half)',
                'other_wilson_centre + other_wilson_half - other_share'
            ) }}, -100)
            when interval_kind = 't' then value - mean_half
            when interval_kind = 'nps' then greatest(
                100 * (adjusted_promoters - adjusted_detractors) - 100 * nps_half, -100
            )
        end as ci_low,
        case
            when n is null or n = 0 or value is null then null
            when interval_kind = 'wilson' then 100 * least(wilson_centre + wilson_half, 1)
            when n = 1 then null
            when interval_kind = 'newcombe' then least(value + 100 * {{ newcombe_half(
                'wilson_centre + wilson_half - share',
                'other_share - (other_wilson_centre - other_wilson_half)'
            ) }}, 100)
            when interval_kind = 't' then value + mean_half
            when interval_kind = 'nps' then least(
                100 * (adjusted_promoters - adjusted_detractors) + 100 * nps_half, 100
            )
        end as ci_high,
        n,
        persons,
        is_suppressed

    from spread

),

with_growth as (

    select * from bounded

    union all

    -- a growth is the change of another KPI on the same period a year ago
    select
        defined.kpi,
        now.grain,
        now.period_start,
        now.segment_dimension,
        now.segment_value,
        cast(null as double) as numerator,
        cast(null as double) as denominator,
        case when periods.is_complete then
            100 * (now.value - ago.value) / nullif(ago.value, 0)
        end as value,
        cast(null as double) as ci_low,
        cast(null as double) as ci_high,
        now.n,
        now.persons,
        now.is_suppressed

    from defined
    inner join bounded as now on defined.derived_from = now.kpi
    inner join periods
        on now.grain = periods.grain and now.period_start = periods.period_start
    left join bounded as ago
        on now.kpi = ago.kpi
        and now.grain = ago.grain
        and periods.year_ago_start = ago.period_start
        and now.segment_dimension = ago.segment_dimension
        and now.segment_value = ago.segment_value

),

neighboured as (

    select
        now.kpi,
        now.grain,
        now.period_start,
        now.segment_dimension,
        now.segment_value,
        now.numerator,
        now.denominator,
        now.value,
        now.ci_low,
        now.ci_high,
        cast(now.n as bigint) as n,
        cast(now.persons as bigint) as persons,
        periods.is_complete,
        defined.matures_after_days = 0
        or {{ add_days('periods.period_end', 'defined.matures_after_days') }}
        <= {{ day_after_as_of() }} as is_mature,
        defined.is_first_based and periods.is_before_history as is_left_truncated,
        now.is_suppressed,
        case
            when periods.is_complete and not coalesce(breaks.is_previous_broken, false)
                then before.value
        end as previous_value,
        case
            when periods.is_complete and breaks.kpi is null then ago.value
        end as year_ago_value,
        case when now.segment_dimension = 'overall' then targets.target end as target,
        {{ as_of_date() }} as as_of_date

    from with_growth as now
    inner join defined on now.kpi = defined.kpi
    inner join periods
        on now.grain = periods.grain and now.period_start = periods.period_start
    left join with_growth as before
        on now.kpi = before.kpi
        and now.grain = before.grain
        and periods.previous_start = before.period_start
        and now.segment_dimension = before.segment_dimension
        and now.segment_value = before.segment_value
    left join with_growth as ago
        on now.kpi = ago.kpi
        and now.grain = ago.grain
        and periods.year_ago_start = ago.period_start
        and now.segment_dimension = ago.segment_dimension
        and now.segment_value = ago.segment_value
    left join breaks
        on now.kpi = breaks.kpi
        and now.grain = breaks.grain
        and now.period_start = breaks.period_start
        and case
            when now.segment_dimension = 'platform' then now.segment_value else 'all'
        end = breaks.platform
    left join targets on now.kpi = targets.kpi and now.grain = targets.grain

)

select * from neighboured
