{#- The membership tier at the as-of date's end, and the version that brought it: the
    first of those that said nothing else since. -#}
with

versions as (

    select * from {{ ref('int_person_versions') }}
    where stated_at < {{ end_of_as_of() }}

),

stated as (

    select
        person_key,
        row_number_in_time,
        stated_at,
        membership_tier,
        last_value(membership_tier) over (
            partition by person_key
            order by row_number_in_time
            rows between unbounded preceding and unbounded following
        ) as present_tier

    from versions

),

lasting as (

    select
        *,
        max(case when membership_tier is distinct from present_tier then 1 else 0 end) over (
            partition by person_key
            order by row_number_in_time desc
            rows between unbounded preceding and current row
        ) as is_left

    from stated

),

tiers as (

    select
        person_key,
        present_tier as membership_tier,
        {{ business_date('min(stated_at)') }} as tier_since_date

    from lasting
    where is_left = 0 and present_tier is not null
    group by person_key, present_tier

)

select * from tiers
