{#- A finished figure that is not what the last published night said, and why: what came
    in since for its period, else for any other, and what else changed. A figure that moves with
    the as-of date by its definition is restated by what came in for its period alone. -#}
with

published as (

    select * from {{ ref('stg_ledger__published_values') }}
    where is_complete and is_mature

),

published_definitions as (

    select * from {{ ref('stg_ledger__published_definitions') }}

),

published_person_ids as (

    select * from {{ ref('stg_ledger__published_person_ids') }}

),

arrivals as (

    select * from {{ ref('stg_ledger__arrivals') }}

),

kpi_values as (

    select * from {{ ref('kpi_values') }}

),

catalog as (

    select * from {{ ref('kpi_catalog') }}

),

person_ids as (

    select * from {{ ref('person_ids') }}

),

needs as (

    select distinct
        kpi,
        feed

    from {{ ref('int_kpi_feeds') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

-- an id may be several persons': it has moved where one of them is no longer its own
moved as (

    select
        system,
        id_type,
        source_id,
        person_key

    from published_person_ids

    except

    select
        system,
        id_type,
        source_id,
        person_key

    from person_ids

),

merged as (

    select count(distinct moved.person_key) as merged_person_count
    from moved
    inner join person_ids
        on moved.system = person_ids.system
        and moved.id_type = person_ids.id_type
        and moved.source_id = person_ids.source_id

),

-- who refuses or allows to be analysed leaves or enters the cuts by what a person is
said as (

    select coalesce(sum(late_row_count + corrected_row_count), 0) as consent_row_count
    from arrivals
    where feed = 'consents'

),

-- a period is finished for every cut of a KPI at once
finished as (

    select
        published.kpi,
        published.grain,
        published.period_start,
        published.as_of_date as old_as_of_date,
        catalog.about is not null as is_about_persons,
        (catalog.is_to_date or catalog.is_as_of_only)
        and published.as_of_date < {{ as_of_date() }} as has_moved_on,
        catalog.is_as_of_only,
        coalesce(
            catalog.definition_hash <> published_definitions.definition_hash, false
        ) as is_redefined

    from (
        select distinct
            kpi,
            grain,
            period_start,
            as_of_date
        from published
    ) as published
    inner join catalog on published.kpi = catalog.kpi
    left join published_definitions
        on published.kpi = published_definitions.kpi

),

current_values as (

    select kpi_values.*
    from kpi_values
    inner join finished
        on kpi_values.kpi = finished.kpi
        and kpi_values.grain = finished.grain
        and kpi_values.period_start = finished.period_start

),

-- a cell that only one of the two nights has is null in the other
cells as (

    select
        coalesce(published.kpi, current_values.kpi) as kpi,
        coalesce(published.grain, current_values.grain) as grain,
        coalesce(published.period_start, current_values.period_start) as period_start,
        coalesce(published.segment_dimension, current_values.segment_dimension)
            as segment_dimension,
        coalesce(published.segment_value, current_values.segment_value) as segment_value,
        published.value as old_value,
        current_values.value as new_value,
        published.n as old_n,
        current_values.n as new_n,
        coalesce(current_values.is_suppressed, false) as is_suppressed

    from published
    full join current_values
        on published.kpi = current_values.kpi
        and published.grain = current_values.grain
        and published.period_start = current_values.period_start
        and published.segment_dimension = current_values.segment_dimension
        and published.segment_value = current_values.segment_value

),

changed as (

    select
        cells.kpi,
        cells.grain,
        cells.period_start,
        cells.segment_dimension,
        cells.segment_value,
        -- what is hidden now may be what it was, and stays hidden
        case when not cells.is_suppressed then cells.old_value end as old_value,
        cells.new_value,
        case when not cells.is_suppressed then cells.old_n end as old_n,
        cells.new_n,
        finished.old_as_of_date,
        finished.is_about_persons,
        finished.has_moved_on,
        finished.is_redefined

    from cells
    inner join finished
        on cells.kpi = finished.kpi
        and cells.grain = finished.grain
        and cells.period_start = finished.period_start
    where cells.old_value is distinct from cells.new_value
        and coalesce(
            abs(cells.old_value - cells.new_value)
            > 1e-9 * greatest(abs(cells.old_value), abs(cells.new_value)),
            true
        )
        and not (finished.is_as_of_only and finished.has_moved_on)

),

changed_periods as (

    select distinct
        changed.kpi,
        changed.grain,
        changed.period_start,
        periods.period_end

    from changed
    inner join periods
        on changed.grain = periods.grain
        and changed.period_start = periods.period_start

),

arrived as (

    select
        changed_periods.kpi,
        changed_periods.grain,
        changed_periods.period_start,
        sum(arrivals.late_row_count) as late_rows,
        sum(arrivals.corrected_row_count) as corrected_rows,
        sum(case
            when arrivals.day >= changed_periods.period_end
                or arrivals.day < changed_periods.period_start then 0
            else arrivals.late_row_count
        end) as late_rows_within,
        sum(case
            when arrivals.day >= changed_periods.period_end
                or arrivals.day < changed_periods.period_start then 0
            else arrivals.corrected_row_count
        end) as corrected_rows_within

    from changed_periods
    inner join needs on changed_periods.kpi = needs.kpi
    inner join arrivals on needs.feed = arrivals.feed
    group by
        changed_periods.kpi, changed_periods.grain, changed_periods.period_start

),

explained as (

    select
        changed.*,
        case
            when arrived.late_rows_within + arrived.corrected_rows_within > 0
                then arrived.late_rows_within
            when changed.has_moved_on then 0
            else coalesce(arrived.late_rows, 0)
        end as late_row_count,
        case
            when arrived.late_rows_within + arrived.corrected_rows_within > 0
                then arrived.corrected_rows_within
            when changed.has_moved_on then 0
            else coalesce(arrived.corrected_rows, 0)
        end as corrected_row_count,
        case when changed.is_about_persons then merged.merged_person_count else 0 end
            as merged_person_count,
        said.consent_row_count > 0
        and changed.is_about_persons
        and changed.segment_dimension in ('{{ person_cuts() | join("', '") }}')
            as is_consent_changed

    from changed
    cross join merged
    cross join said
    left join arrived
        on changed.kpi = arrived.kpi
        and changed.grain = arrived.grain
        and changed.period_start = arrived.period_start

),

described as (

    select
        kpi,
        grain,
        segment_dimension,
        segment_value,
        nullif(concat_ws(
            ', ',
            case when is_redefined then 'definition' end,
            case when merged_person_count > 0 then 'person merges' end,
            case when is_consent_changed then 'consents' end,
            case when late_row_count > 0 then 'late rows' end,
            case when corrected_row_count > 0 then 'corrections' end
        ), '') as cause,
        old_value,
        new_value,
        new_value - old_value as difference,
        old_n,
        new_n,
        cast(late_row_count as bigint) as late_row_count,
        cast(corrected_row_count as bigint) as corrected_row_count,
        cast(merged_person_count as bigint) as merged_person_count,
        period_start,
        old_as_of_date,
        {{ as_of_date() }} as as_of_date,
        has_moved_on

    from explained

)

select
    kpi,
    grain,
    segment_dimension,
    segment_value,
    coalesce(cause, 'definition') as cause,
    old_value,
    new_value,
    difference,
    old_n,
    new_n,
    late_row_count,
    corrected_row_count,
    merged_person_count,
    period_start,
    old_as_of_date,
    as_of_date

from described
where cause is not null or not has_moved_on
