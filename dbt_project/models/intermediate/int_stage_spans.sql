{#- A stage reached on a date holds at the beginning of the 180 dates after it. Of the stages
    that hold, a person is in the furthest. What is sorted grows with what persons did, not
    with how long they are known. -#}
{%- set days_held = 180 -%}
{%- set counted = ['consideration', 'purchase', 'use', 'advocacy'] -%}
with

persons as (

    select * from {{ ref('int_persons') }}

),

acts as (

    select * from {{ ref('int_stage_acts') }}

),

calendar as (

    select first_date from {{ ref('int_event_bounds') }}

),

reached as (

    select
        *,
        max(last_date) over (
            partition by person_key, stage_number order by first_date
            rows between unbounded preceding and 1 preceding
        ) as reached_date

    from acts

),

numbered as (

    select
        *,
        sum(case
            when {{ days_between('reached_date', 'first_date') }} <= {{ days_held }}
                then 0
            else 1
        end) over (
            partition by person_key, stage_number order by first_date
            rows between unbounded preceding and current row
        ) as island_number

    from reached

),

islands as (

    select
        person_key,
        stage_number,
        island_number,
        min(first_date) as first_date,
        max(last_date) as last_date

    from numbered
    group by person_key, stage_number, island_number

),

first_acts as (

    select
        person_key,
        min(first_date) as first_date

    from islands
    group by person_key

),

-- who was created on no date known exists from the first event that names them
beginnings as (

    select
        persons.person_key,
        coalesce(
            least(
                coalesce(persons.created_date, persons.first_seen_date),
                first_acts.first_date
            ),
            calendar.first_date
        ) as exists_from

    from persons
    cross join calendar
    left join first_acts on persons.person_key = first_acts.person_key

),

turns as (

    select
        person_key,
        {{ add_days('first_date', 1) }} as day,
        stage_number,
        1 as change
    from islands

    union all

    select
        person_key,
        {{ add_days('last_date', days_held + 1) }} as day,
        stage_number,
        -1 as change
    from islands

    union all

    select
        person_key,
        {{ add_days('exists_from', 1) }} as day,
        {{ stage_number('awareness') }} as stage_number,
        1 as change
    from beginnings

),

held as (

    select
        person_key,
        day
        {%- for stage in counted %},
        sum(sum(
            case when stage_number = {{ stage_number(stage) }} then change else 0 end
        )) over (partition by person_key order by day) as {{ stage }}
        {%- endfor %}

    from turns
    where day <= {{ day_after_as_of() }}
    group by person_key, day

),

furthest as (

    select
        person_key,
        day,
        case
            {%- for stage in counted | reverse %}
            when {{ stage }} > 0 then {{ stage_number(stage) }}
            {%- endfor %}
            else {{ stage_number('awareness') }}
        end as stage_number

    from held

),

compared as (

    select
        *,
        lag(stage_number) over (
            partition by person_key order by day
        ) as previous_stage_number

    from furthest

),

spans as (

    select
        person_key,
        {{ stage_name('stage_number') }} as stage,
        stage_number,
        lead(stage_number) over (
            partition by person_key order by day
        ) as next_stage_number,
        day as valid_from,
        coalesce(
            lead(day) over (partition by person_key order by day),
            cast('9999-12-31' as date)
        ) as valid_to

    from compared
    where previous_stage_number is null or stage_number <> previous_stage_number

)

select * from spans
