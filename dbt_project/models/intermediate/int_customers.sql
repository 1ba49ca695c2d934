with

persons as (

    select * from {{ ref('int_persons') }}

),

-- at the end of the as-of date
attributes as (

    select * from {{ ref('int_person_attributes') }}
    where {{ day_after_as_of() }} >= valid_from and {{ day_after_as_of() }} < valid_to

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

present_tiers as (

    select * from {{ ref('int_present_tiers') }}

),

totals as (

    select * from {{ ref('int_person_totals') }}

),

lifecycle_phases as (

    select * from {{ ref('int_lifecycle_phases') }}

),

stages as (

    select * from {{ ref('int_stage_spans') }}
    where {{ day_after_as_of() }} >= valid_from and {{ day_after_as_of() }} < valid_to

),

contact_policies as (

    select * from {{ ref('int_contact_policies') }}

),

subscriptions as (

    select
        person_key,
        count(*) as subscription_count,
        min(started_date) as first_subscribed_date

    from {{ ref('int_subscriptions') }}
    group by person_key

),

tenures as (

    select
        person_key,
        {{ days_between('min(first_date)', as_of_date()) }} as days

    from (
        select person_key, first_ordered_date as first_date from totals
        union all
        select person_key, first_subscribed_date as first_date from subscriptions
    ) as firsts
    group by person_key

),

lifetime_values as (

    select * from {{ ref('int_lifetime_values') }}

),

rfm as (

    select * from {{ ref('int_rfm') }}

),

discount_habits as (

    select * from {{ ref('int_discount_habits') }}

),

favourite_categories as (

    select * from {{ ref('int_favourite_categories') }}

),

behaviour_scores as (

    select * from {{ ref('int_behaviour_scores') }}

),

engagement_quadrants as (

    select * from {{ ref('int_engagement_quadrants') }}

),

health_scores as (

    select * from {{ ref('int_health_scores') }}

),

repurchase_clocks as (

    select * from {{ ref('int_repurchase_clocks') }}

),

described as (

    select
        persons.person_key,
        {%- for cut in person_cuts() if cut != 'tenure_band' %}
        attributes.{{ cut }},
        {%- endfor %}
        case
            when analysed.person_key is not null then {{ tenure_band('tenures.days') }}
            else 'unknown'
        end as tenure_band,
        rfm.rfm_segment,
        rfm.rfm_segment_name_en,
        rfm.rfm_segment_name_ja,
        lifecycle_phases.lifecycle_phase,
        stages.stage as journey_stage,
        engagement_quadrants.engagement_quadrant,
        favourite_categories.favourite_category,
        cast(coalesce(totals.order_count, 0) as bigint) as order_count,
        cast(coalesce(totals.order_count_365_days, 0) as bigint) as order_count_365_days,
        coalesce(subscriptions.subscription_count, 0) as subscription_count,
        cast({{ days_between('totals.last_ordered_date', as_of_date()) }} as bigint)
            as days_since_last_order,
        cast(case
            when totals.person_key is null then 0 else totals.net_revenue_amount
        end as decimal(38, 4)) as net_revenue_amount,
        cast(case
            when totals.person_key is null then 0 else totals.net_revenue_amount_365_days
        end as decimal(38, 4)) as net_revenue_amount_365_days,
        cast(totals.gross_profit_amount as decimal(38, 4)) as gross_profit_amount,
        lifetime_values.annual_value,
        lifetime_values.margin,
        lifetime_values.tenure_years,
        lifetime_values.ltv_historic,
        lifetime_values.ltv_simple,
        lifetime_values.ltv_discounted,
        rfm.r_score,
        rfm.f_score,
        rfm.m_score,
        discount_habits.price_sensitivity_share,
        engagement_quadrants.empathy_index,
        engagement_quadrants.attachment_index,
        engagement_quadrants.consciousness_score,
        behaviour_scores.behaviour_score,
        {%- for component in behaviour_components() %}
        behaviour_scores.behaviour_{{ component }}_count,
        behaviour_scores.behaviour_{{ component }}_score,
        {%- endfor %}
        repurchase_clocks.repurchase_interval_days,
        repurchase_clocks.days_late,
        repurchase_clocks.days_late_percentile,
        health_scores.health_score,
        health_scores.health_band,
        {%- for component in health_components() %}
        health_scores.health_{{ component }}_score,
        {%- endfor %}
        {%- for reason in (1, 2, 3) %}
        health_scores.health_reason_{{ reason }}_en,
        health_scores.health_reason_{{ reason }}_ja,
        {%- endfor %}
        contact_policies.preferred_channel,
        cast(contact_policies.best_hour as bigint) as best_hour,
        cast(contact_policies.best_weekday as bigint) as best_weekday,
        {%- for days in (7, 30, 90) %}
        cast(contact_policies.contact_count_{{ days }}_days as bigint)
            as contact_count_{{ days }}_days,
        {%- endfor %}
        contact_policies.is_contact_fatigued,
        {%- for channel in contact_channels() %}
        contact_policies.is_contactable_by_{{ channel }},
        {%- endfor %}
        persons.is_known,
        lifecycle_phases.is_lead,
        lifecycle_phases.is_active_by_order,
        lifecycle_phases.is_active_by_contract,
        persons.created_date,
        present_tiers.tier_since_date,
        cast({{ add_days('stages.valid_from', -1) }} as date) as journey_stage_since_date,
        totals.first_ordered_date,
        totals.last_ordered_date,
        subscriptions.first_subscribed_date,
        repurchase_clocks.expected_order_date

    from persons
    left join analysed on persons.person_key = analysed.person_key
    left join attributes on persons.person_key = attributes.person_key
    left join totals on persons.person_key = totals.person_key
    left join lifecycle_phases on persons.person_key = lifecycle_phases.person_key
    left join subscriptions on persons.person_key = subscriptions.person_key
    left join lifetime_values on persons.person_key = lifetime_values.person_key
    left join tenures on persons.person_key = tenures.person_key
    left join present_tiers on persons.person_key = present_tiers.person_key
    left join rfm on persons.person_key = rfm.person_key
    left join discount_habits on persons.person_key = discount_habits.person_key
    left join favourite_categories
        on persons.person_key = favourite_categories.person_key
    left join behaviour_scores on persons.person_key = behaviour_scores.person_key
    left join engagement_quadrants
        on persons.person_key = engagement_quadrants.person_key
    left join health_scores on persons.person_key = health_scores.person_key
    left join repurchase_clocks on persons.person_key = repurchase_clocks.person_key
    left join stages on persons.person_key = stages.person_key
    left join contact_policies on persons.person_key = contact_policies.person_key

)

select * from described
