{#- When persons are active at the beginning of a date, by order or by contract. Spans
    by order alone never meet, so only persons with a contract are sorted. -#}
with

islands as (

    select * from {{ ref('int_order_islands') }}

),

-- active at a date's beginning: started before it, and not ended before it
contracts as (

    select
        person_key,
        {{ add_days('started_date', 1) }} as active_from,
        coalesce({{ business_date('ended_at') }}, {{ day_after_as_of() }}) as active_to

    from {{ ref('int_subscriptions') }}

),

subscribers as (

    select distinct person_key from contracts

),

stretches as (

    select
        person_key,
        active_from,
        active_to
    from contracts
    where active_from <= active_to

    union all

    select
        islands.person_key,
        islands.active_from,
        islands.active_to
    from islands
    inner join subscribers on islands.person_key = subscribers.person_key

),

reached as (

    select
        *,
        max(active_to) over (
            partition by person_key order by active_from, active_to
            rows between unbounded preceding and 1 preceding
        ) as reached_to

    from stretches

),

numbered as (

    select
        *,
        sum(case when active_from <= reached_to then 0 else 1 end) over (
            partition by person_key order by active_from, active_to
            rows between unbounded preceding and current row
        ) as span_number

    from reached

),

spans as (

    select
        islands.person_key,
        islands.active_from,
        islands.active_to

    from islands
    left join subscribers on islands.person_key = subscribers.person_key
    where subscribers.person_key is null

    union all

    select
        person_key,
        min(active_from) as active_from,
        max(active_to) as active_to

    from numbered
    group by person_key, span_number

)

select * from spans
