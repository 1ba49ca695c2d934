with

attributes as (

    select * from {{ ref('int_person_attributes') }}

),

months as (

    select * from {{ ref('int_periods') }}
    where grain = 'month'

),

-- only a person with a second span can have moved
moving as (

    select distinct person_key
    from attributes
    where valid_from > cast('0001-01-01' as date)

),

spans as (

    select attributes.*
    from attributes
    inner join moving on attributes.person_key = moving.person_key

),

{% for side, instant in [('before', 'period_start'), ('after', 'counted_to')] -%}
{{ side }} as (

    select
        months.period_start,
        spans.person_key,
        spans.membership_tier

    from months
    inner join spans
        on months.{{ instant }} >= spans.valid_from
        and months.{{ instant }} < spans.valid_to

),

{% endfor -%}
moved as (

    select
        before.period_start,
        before.membership_tier as from_tier,
        after.membership_tier as to_tier,
        count(*) as persons

    from before
    inner join after
        on before.period_start = after.period_start
        and before.person_key = after.person_key
    where before.membership_tier <> after.membership_tier
    group by before.period_start, before.membership_tier, after.membership_tier

),

cells as (

    select
        *,
        from_tier || ' ' || to_tier as segment_value,
        true as is_cut,
        persons < {{ var('min_cell_size') }} as is_small

    from moved

),

suppressed as (
    {{ hide_small_cells('cells', ['period_start']) }}
),

described as (

    select
        suppressed.from_tier,
        suppressed.to_tier,
        cast(case
            when not suppressed.is_suppressed then suppressed.persons
        end as bigint) as person_count,
        months.is_complete,
        suppressed.is_suppressed,
        suppressed.period_start,
        {{ as_of_date() }} as as_of_date

    from suppressed
    inner join months on suppressed.period_start = months.period_start

)

select * from described
