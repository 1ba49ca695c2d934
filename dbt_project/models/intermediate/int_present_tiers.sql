{#- The membership tier at the as-of date's end, and the version that brought it: the
    first of those that said nothing else since. -#}
with

versions as (

    select * from {{ ref('stg_crm__customer_versions') }}
    where stated_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

persons as (

    select * from {{ ref('int_persons') }}
    where is_known

),

stated as (

    select
        person_ids.person_key,
        versions.customer_key,
        versions.stated_at,
        versions.membership_tier,
        last_value(versions.membership_tier) over (
            partition by person_ids.person_key
            order by versions.stated_at, versions.customer_key
            rows between unbounded preceding and unbounded following
        ) as present_tier

    from versions
    inner join person_ids on versions.customer_key = person_ids.customer_key
    inner join persons on person_ids.person_key = persons.person_key

),

lasting as (

    select
        *,
        max(case when membership_tier is distinct from present_tier then 1 else 0 end) over (
            partition by person_key
            order by stated_at desc, customer_key desc
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
