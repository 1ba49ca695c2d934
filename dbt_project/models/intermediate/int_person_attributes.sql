{#- Of who does not allow to be analysed nothing is known here: so such persons are `unknown`
    in every cut, and the cuts still add up to the whole. -#}
{%- set beginning = "cast('0001-01-01' as date)" -%}
{%- set forever = "cast('9999-12-31' as date)" -%}
{%- set crm = [
    'membership_tier', 'prefecture', 'acquisition_channel', 'customer_segment', 'gender',
] -%}
with

persons as (

    select * from {{ ref('int_persons') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}

),

account_versions as (

    select * from {{ ref('stg_crm__account_versions') }}

),

age_bands as (

    select * from {{ ref('stg_crm__age_bands') }}

),

orders as (

    select * from {{ ref('int_orders') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

calendar as (

    select
        min(period_start) as first_start,
        max(period_start) as last_start

    from {{ ref('int_periods') }}

),

dated as (

    select
        versions.*,
        min(versions.stated_at) over (
            partition by versions.person_key
        ) as first_stated_at,
        {{ in_force_from('versions.stated_at') }} as in_force_from

    from versions
    inner join analysed on versions.person_key = analysed.person_key

),

-- what the CRM said, from the first business date that began after it was said; what it said
-- first, of all ids that it told of at that instant, from the beginning
crm as (

    select
        person_key,
        account_key,
        row_number_in_time,
        born_customer_key,
        born_stated_at,
        {%- for attribute in crm %}
        {{ attribute }},
        {%- endfor %}
        valid_from,
        coalesce(
            lead(valid_from) over (partition by person_key order by row_number_in_time),
            {{ forever }}
        ) as valid_to

    from (
        select
            *,
            case
                when stated_at = first_stated_at then {{ beginning }} else in_force_from
            end as valid_from
        from dated
    ) as begun

),

accounts as (

    select
        account_key,
        industry,
        company_size,
        case
            when row_number_in_time = 1 then {{ beginning }} else in_force_from
        end as valid_from,
        coalesce(
            lead(in_force_from) over (partition by account_key order by row_number_in_time),
            {{ forever }}
        ) as valid_to

    from (
        select
            *,
            {{ in_force_from('stated_at') }} as in_force_from,
            row_number() over (
                partition by account_key order by stated_at
            ) as row_number_in_time
        from account_versions
    ) as versions
    where row_number_in_time = 1 or stated_at < {{ end_of_as_of() }}

),

ages as (

    select
        crm.person_key,
        crm.row_number_in_time,
        age_bands.age_band,
        age_bands.valid_from,
        coalesce(age_bands.valid_to, {{ forever }}) as valid_to

    from age_bands
    inner join crm
        on age_bands.customer_key = crm.born_customer_key
        and age_bands.stated_at = crm.born_stated_at

),

firsts as (

    select
        person_key,
        min(first_date) as first_date

    from (
        select person_key, ordered_date as first_date from orders
        union all
        select person_key, started_date as first_date from subscriptions
    ) as dates
    where person_key in (select person_key from analysed)
    group by person_key

),

turns as (

    select person_key, {{ beginning }} as turns_on from persons

    union

    select person_key, valid_from as turns_on from crm

    union

    select crm.person_key, accounts.valid_from as turns_on
    from crm
    inner join accounts on crm.account_key = accounts.account_key
    where accounts.valid_from > {{ beginning }}

    union

    select ages.person_key, ages.valid_from as turns_on
    from ages
    cross join calendar
    where ages.valid_from > calendar.first_start and ages.valid_from <= calendar.last_start
    {%- for last_day in [0] + tenure_bands() | list %}

    union

    select person_key, {{ add_days('first_date', last_day + 1) }} as turns_on
    from firsts
    {%- endfor %}

),

spans as (

    select
        person_key,
        turns_on as valid_from,
        coalesce(
            lead(turns_on) over (partition by person_key order by turns_on), {{ forever }}
        ) as valid_to

    from turns

),

described as (

    select
        spans.person_key,
        spans.valid_from,
        spans.valid_to,
        {%- for attribute in crm %}
        coalesce(crm.{{ attribute }}, 'unknown') as {{ attribute }},
        {%- endfor %}
        coalesce(ages.age_band, 'unknown') as age_band,
        coalesce(accounts.industry, 'unknown') as industry,
        coalesce(accounts.company_size, 'unknown') as company_size,
        case
            when analysed.person_key is null then 'unknown'
            when spans.valid_from > firsts.first_date
                then {{ tenure_band(days_between('firsts.first_date', 'spans.valid_from')) }}
            else 'none'
        end as tenure_band

    from spans
    cross join calendar
    left join analysed on spans.person_key = analysed.person_key
    left join crm
        on spans.person_key = crm.person_key
        and spans.valid_from >= crm.valid_from and spans.valid_from < crm.valid_to
    left join accounts
        on crm.account_key = accounts.account_key
        and spans.valid_from >= accounts.valid_from
        and spans.valid_from < accounts.valid_to
    left join ages
        on crm.person_key = ages.person_key
        and crm.row_number_in_time = ages.row_number_in_time
        and greatest(spans.valid_from, calendar.first_start) >= ages.valid_from
        and greatest(spans.valid_from, calendar.first_start) < ages.valid_to
    left join firsts on spans.person_key = firsts.person_key

)

select * from described
