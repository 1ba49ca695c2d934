{#- Persons active at a period's end, beside what they did in it. The cuts need them one
    by one, by month and longer; days and weeks are counted by running sums. -#}
with

periods as (

    select * from {{ ref('int_periods') }}

),

states as (

    select * from {{ ref('int_person_states') }}
    where buys_at_end = 1 or subscribes_at_end = 1

),

islands as (

    select
        person_key,
        active_from,
        active_to
    from {{ ref('int_order_islands') }}

),

spans as (

    select * from {{ ref('int_activity_spans') }}

),

asking as (

    select
        grain,
        period_start,
        person_key

    from {{ ref('int_tickets_by_person') }}
    where segment_dimension = 'overall' and person_key is not null

),

referrals as (

    select
        *,
        referred_date as day
    from {{ ref('int_referrals') }}

),

referring as (
    {{ collapse('referrals', [], key='referrer_key') }}
),

by_person as (

    select
        states.grain,
        states.period_start,
        states.person_key,
        1 as actives,
        states.buys_at_end as buyers,
        case when asking.person_key is not null then 1 else 0 end as actives_asking,
        case
            when referring.referrer_key is not null then states.buys_at_end else 0
        end as buyers_referring

    from states
    left join asking
        on states.grain = asking.grain
        and states.period_start = asking.period_start
        and states.person_key = asking.person_key
    left join referring
        on states.grain = referring.grain
        and states.period_start = referring.period_start
        and states.person_key = referring.referrer_key

),

changes as (

    select active_from as day, count(*) as actives, 0 as buyers
    from spans
    group by active_from

    union all

    select {{ add_days('active_to', 1) }} as day, -count(*) as actives, 0 as buyers
    from spans
    group by active_to

    union all

    select active_from as day, 0 as actives, count(*) as buyers
    from islands
    group by active_from

    union all

    select {{ add_days('active_to', 1) }} as day, 0 as actives, -count(*) as buyers
    from islands
    group by active_to

    union all

    select counted_to as day, 0 as actives, 0 as buyers
    from periods
    where grain = 'day'

),

by_date as (

    select
        day,
        sum(sum(actives)) over (order by day) as actives,
        sum(sum(buyers)) over (order by day) as buyers

    from changes
    group by day

),

short_periods as (

    select * from periods
    where grain not in {{ cut_grains() }}

),

active_and_asking as (

    select
        periods.grain,
        periods.period_start,
        count(*) as persons

    from short_periods as periods
    inner join asking
        on periods.grain = asking.grain and periods.period_start = asking.period_start
    inner join spans
        on asking.person_key = spans.person_key
        and periods.counted_to between spans.active_from and spans.active_to
    group by periods.grain, periods.period_start

),

buying_and_referring as (

    select
        periods.grain,
        periods.period_start,
        count(*) as persons

    from short_periods as periods
    inner join referring
        on periods.grain = referring.grain
        and periods.period_start = referring.period_start
    inner join islands
        on referring.referrer_key = islands.person_key
        and periods.counted_to between islands.active_from and islands.active_to
    group by periods.grain, periods.period_start

),

in_total as (

    select
        periods.grain,
        periods.period_start,
        cast(null as string) as person_key,
        by_date.actives,
        by_date.buyers,
        coalesce(active_and_asking.persons, 0) as actives_asking,
        coalesce(buying_and_referring.persons, 0) as buyers_referring

    from short_periods as periods
    inner join by_date on periods.counted_to = by_date.day
    left join active_and_asking
        on periods.grain = active_and_asking.grain
        and periods.period_start = active_and_asking.period_start
    left join buying_and_referring
        on periods.grain = buying_and_referring.grain
        and periods.period_start = buying_and_referring.period_start

),

counted as (

    select * from by_person

    union all

    select * from in_total

),

described as (

    select
        grain,
        period_start,
        'overall' as segment_dimension,
        'all' as segment_value,
        person_key,
        actives,
        buyers,
        actives_asking,
        buyers_referring

    from counted

)

select * from described
