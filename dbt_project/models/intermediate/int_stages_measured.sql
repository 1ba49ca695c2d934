{#- A change at the beginning of a date is by what was done, or ran out, on the date before:
    so the changes of a period lie after its start and up to its end. Who does the same
    twice in a period is told by the last time: windows over spans, of which there are
    few, and not over persons and periods. -#}
{%- set measures = ['persons', 'entered', 'moved_on', 'fell_back'] -%}
with

periods as (

    select * from {{ ref('int_periods') }}
    where grain in {{ cut_grains() }}

),

spans as (

    select
        *,
        case
            when next_stage_number > stage_number then 'on'
            when next_stage_number < stage_number then 'back'
        end as left_for

    from {{ ref('int_stage_spans') }}

),

attributes as (

    select * from {{ ref('int_person_attributes') }}

),

followed as (

    select
        *,
        lead(valid_from) over (
            partition by person_key, stage_number order by valid_from
        ) as next_entered_on,
        lead(valid_to) over (
            partition by person_key, stage_number, left_for order by valid_from
        ) as next_left_on

    from spans

),

stays as (

    select
        periods.grain,
        periods.period_start,
        followed.person_key,
        followed.stage_number,
        case
            when followed.valid_to > periods.counted_to
                then {{ days_between('followed.valid_from', 'periods.counted_to') }}
        end as days_in,
        case when followed.valid_to > periods.counted_to then 1 else 0 end as persons,
        case
            when followed.valid_from > periods.period_start
                and coalesce(followed.next_entered_on > periods.counted_to, true)
                then 1
            else 0
        end as entered,
        case
            when followed.left_for = 'on'
                and followed.valid_to <= periods.counted_to
                and coalesce(followed.next_left_on > periods.counted_to, true)
                then 1
            else 0
        end as moved_on,
        case
            when followed.left_for = 'back'
                and followed.valid_to <= periods.counted_to
                and coalesce(followed.next_left_on > periods.counted_to, true)
                then 1
            else 0
        end as fell_back

    from followed
    inner join periods
        on followed.valid_from <= periods.counted_to
        and followed.valid_to > periods.period_start

),

attributed as (

    select
        stays.*
        {%- for cut in person_cuts() %},
        attributes.{{ cut }}
        {%- endfor %}

    from stays
    inner join attributes
        on stays.person_key = attributes.person_key
        and stays.period_start >= attributes.valid_from
        and stays.period_start < attributes.valid_to

),

-- by the days that persons are in it, so that their median needs no list of persons
by_days as (

    select
        grain,
        period_start,
        {{ cut_columns() }},
        stage_number,
        days_in
        {%- for measure in measures %},
        {{ sum_of_whole(measure) }} as {{ measure }}
        {%- endfor %}

    from attributed
    group by {{ cut_sets(['grain', 'period_start', 'stage_number', 'days_in']) }}

),

ranked as (

    select
        *,
        sum(persons) over (
            partition by
                grain, period_start, segment_dimension, segment_value, stage_number
            order by days_in
        ) as persons_up_to,
        sum(persons) over (
            partition by
                grain, period_start, segment_dimension, segment_value, stage_number
        ) as persons_in_all

    from by_days

),

by_stage as (

    select
        grain,
        period_start,
        segment_dimension,
        segment_value,
        stage_number
        {%- for measure in measures %},
        {{ sum_of_whole(measure) }} as {{ measure }}
        {%- endfor %},
        cast(
            min(case when 2 * persons_up_to >= persons_in_all then days_in end)
            + min(case when 2 * persons_up_to > persons_in_all then days_in end)
            as double
        ) / 2 as median_days

    from ranked
    group by grain, period_start, segment_dimension, segment_value, stage_number

)

select * from by_stage
