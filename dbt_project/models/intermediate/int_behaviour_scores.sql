{#- What persons did in the 365 days to the as-of date, part by part: a part scores 100
    from `full_score_at` on, and the whole is the parts by their weights. -#}
{%- set since = add_days(as_of_date(), -364) -%}
with

persons as (

    select * from {{ ref('int_persons') }}

),

orders as (

    select * from {{ ref('int_orders') }}
    where person_key is not null and ordered_date >= {{ since }}

),

items as (

    select * from {{ ref('int_bought_items') }}
    where ordered_date >= {{ since }}

),

referrals as (

    select * from {{ ref('int_referrals') }}
    where {{ business_date('converted_at') }} >= {{ since }}

),

responses as (

    select * from {{ ref('int_responses') }}
    where is_complete
        and survey_kind <> 'employee'
        and person_key is not null
        and responded_date >= {{ since }}

),

feedback_items as (

    select * from {{ ref('stg_crm__feedback_items') }}
    where received_at >= {{ start_of(since) }} and received_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

community_acts as (

    select * from {{ ref('int_community_acts') }}
    where person_key is not null and occurred_date >= {{ since }}

),

mentions as (

    select * from {{ ref('int_mentions') }}
    where person_key is not null and occurred_date >= {{ since }}

),

components as (

    select
        {%- for component in behaviour_components() %}
        max(case
            when component = '{{ component }}' then cast(full_score_at as double)
        end) as {{ component }}_full_score_at,
        max(case
            when component = '{{ component }}' then cast(weight as double)
        end) as {{ component }}_weight,
        {%- endfor %}
        cast(sum(weight) as double) as weights

    from {{ ref('behaviour_components') }}

),

-- the first order ever is no repeat, and one category is no widening
by_order as (

    select
        person_key,
        count(case when not is_first_order then 1 end) as repeat_orders,
        max(case when is_first_order then 1 else 0 end) as first_orders

    from orders
    group by person_key

),

-- two lines of one family in one order are one upgrade
upgrades as (

    select
        person_key,
        count(*) as upgrades

    from (
        select distinct person_key, order_key, product_family
        from items
        where is_upgrade
    ) as upgraded
    group by person_key

),

by_item as (

    select
        person_key,
        count(distinct case when is_new_category then category end) as new_categories,
        count(case when is_premium then 1 end) as premium_items

    from items
    group by person_key

),

-- a review is both feedback and social, and so is an idea
voices as (

    select referrer_key as person_key, 1 as referrals, 0 as feedback, 0 as social
    from referrals

    union all

    select person_key, 0 as referrals, 1 as feedback, 0 as social
    from responses

    union all

    select person_ids.person_key, 0 as referrals, 1 as feedback, 0 as social
    from feedback_items
    inner join person_ids on feedback_items.customer_key = person_ids.customer_key

    union all

    select
        person_key,
        0 as referrals,
        case when event_type in ('review', 'idea') then 1 else 0 end as feedback,
        1 as social
    from community_acts

    union all

    select person_key, 0 as referrals, 0 as feedback, 1 as social
    from mentions

),

by_voice as (

    select
        person_key,
        sum(referrals) as referrals,
        sum(feedback) as feedback,
        sum(social) as social

    from voices
    group by person_key

),

counted as (

    select
        persons.person_key,
        cast(coalesce(by_order.repeat_orders, 0) as bigint) as repeat_orders,
        cast(greatest(
            coalesce(by_item.new_categories, 0) - coalesce(by_order.first_orders, 0), 0
        ) as bigint) as new_categories,
        cast(coalesce(upgrades.upgrades, 0) as bigint) as upgrades,
        cast(coalesce(by_item.premium_items, 0) as bigint) as premium_items,
        cast(coalesce(by_voice.referrals, 0) as bigint) as referrals,
        cast(coalesce(by_voice.feedback, 0) as bigint) as feedback,
        cast(coalesce(by_voice.social, 0) as bigint) as social

    from persons
    left join by_order on persons.person_key = by_order.person_key
    left join by_item on persons.person_key = by_item.person_key
    left join upgrades on persons.person_key = upgrades.person_key
    left join by_voice on persons.person_key = by_voice.person_key

),

-- a part that the table leaves out earns nothing, and the others all of the 100
scored as (

    select
        counted.person_key,
        {%- for component in behaviour_components() %}
        {{ '+ ' if not loop.first }}coalesce(
            100 * components.{{ component }}_weight
            * least(counted.{{ component }}, components.{{ component }}_full_score_at)
            / (components.{{ component }}_full_score_at * components.weights),
            0
        )
        {%- endfor %} as behaviour_score,
        {%- for component in behaviour_components() %}
        counted.{{ component }} as behaviour_{{ component }}_count,
        100 * least(counted.{{ component }}, components.{{ component }}_full_score_at)
        / components.{{ component }}_full_score_at as behaviour_{{ component }}_score
        {{- ',' if not loop.last }}
        {%- endfor %}

    from counted
    cross join components

)

select * from scored
