{#- A finished figure that is not what the last published night said, and why: what came
    in since for its period, else for any other, and what else changed. -#}
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

changed as (

    select
        kpi_values.kpi,
        kpi_values.grain,
        kpi_values.period_start,
        kpi_values.segment_dimension,
        kpi_values.segment_value,
        -- what is hidden now may be what it was, and stays hidden
        case when not kpi_values.is_suppressed then published.value end as old_value,
        kpi_values.value as new_value,
        case when not kpi_values.is_suppressed then published.n end as old_n,
        kpi_values.n as new_n,
        published.as_of_date as old_as_of_date,
        kpi_values.as_of_date,
        catalog.about is not null as is_about_persons,
        coalesce(
            catalog.definition_hash <> published_definitions.definition_hash, false
        ) as is_redefined

    from published
    inner join kpi_values
        on published.kpi = kpi_values.kpi
        and published.grain = kpi_values.grain
        and published.period_start = kpi_values.period_start
        and published.segment_dimension = kpi_values.segment_dimension
        and published.segment_value = kpi_values.segment_value
    inner join catalog on kpi_values.kpi = catalog.kpi
    left join published_definitions
        on kpi_values.kpi = published_definitions.kpi
    where published.value is distinct from kpi_values.value
        and coalesce(
            abs(published.value - kpi_values.value)
            > 1e-9 * greatest(abs(published.value), abs(kpi_values.value)),
            true
        )

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
            else coalesce(arrived.late_rows, 0)
        end as late_row_count,
        case
            when arrived.late_rows_within + arrived.corrected_rows_within > 0
                then arrived.corrected_rows_within
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
        coalesce(nullif(concat_ws(
            ', ',
            case when is_redefined then 'definition' end,
            case when merged_person_count > 0 then 'person merges' end,
            case when is_consent_changed then 'consents' end,
            case when late_row_count > 0 then 'late rows' end,
            case when corrected_row_count > 0 then 'corrections' end
        ), ''), 'definition') as cause,
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
        as_of_date

    from explained

)

select * from described
