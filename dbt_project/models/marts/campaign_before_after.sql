{#- Beside a campaign stand figures whose days add up: none that counts a person once in a
    period, however often they come. -#}
{%- set figures = [
    'sns_posts', 'sns_likes', 'sns_comments', 'sns_shares', 'sns_saves', 'sns_impressions',
    'sns_reach_gross', 'sns_engagement_rate_reach', 'sns_engagement_rate_impressions',
    'sns_engagement_rate_followers', 'sns_follower_growth_rate', 'sns_mentions',
    'sns_ugc_share', 'seo_impressions', 'seo_click_through_rate', 'ad_impressions',
    'ad_click_through_rate', 'new_visitors', 'sessions', 'conversion_rate', 'new_customers',
    'orders', 'average_order_value', 'net_revenue', 'gross_profit',
] -%}
{%- set sides = ['before', 'campaign', 'after'] -%}
{%- set compared_days = 28 -%}
with

catalog as (

    select * from {{ ref('kpi_catalog') }}
    where kpi in ('{{ figures | join("', '") }}')

),

days as (

    select * from {{ ref('kpi_values') }}
    where grain = 'day' and segment_dimension = 'overall'

),

breaks as (

    select * from {{ ref('int_series_breaks') }}
    where grain = 'day' and platform = 'all' and is_previous_broken

),

campaigns as (

    select
        *,
        {{ business_date('started_at') }} as started_date,
        case
            when ended_at < started_at then {{ business_date('started_at') }}
            else {{ business_date('ended_at') }}
        end as ended_date

    from {{ ref('stg_crm__campaigns') }}
    where started_at < {{ end_of_as_of() }}

),

spans as (

    select
        *,
        {{ add_days('started_date', -compared_days) }} as before_from_date,
        {{ add_days('ended_date', compared_days) }} as after_to_date

    from campaigns

),

sided as (

    select
        spans.campaign_key,
        days.kpi,
        case
            when days.period_start < spans.started_date then 'before'
            when days.period_start > spans.ended_date then 'after'
            else 'campaign'
        end as side,
        {{ money('days.numerator') }} as numerator,
        {{ money('days.denominator') }} as denominator,
        days.is_left_truncated

    from spans
    inner join days
        on days.period_start >= spans.before_from_date
        and (spans.after_to_date is null or days.period_start <= spans.after_to_date)
    inner join catalog on days.kpi = catalog.kpi

),

summed as (

    select
        campaign_key,
        kpi
        {%- for side in sides %},
        sum(case when side = '{{ side }}' then 1 else 0 end) as {{ side }}_days,
        cast(sum(case when side = '{{ side }}' then numerator end) as double)
            as {{ side }}_numerator,
        cast(sum(case when side = '{{ side }}' then denominator end) as double)
            as {{ side }}_denominator
        {%- endfor %},
        max(case when is_left_truncated then 1 else 0 end) = 1 as is_left_truncated

    from sided
    group by campaign_key, kpi

),

broken as (

    select distinct
        spans.campaign_key,
        breaks.kpi

    from spans
    inner join breaks
        on breaks.period_start > spans.before_from_date
        and (spans.after_to_date is null or breaks.period_start <= spans.after_to_date)

),

valued as (

    select
        spans.campaign_key,
        spans.system,
        spans.campaign_id,
        spans.name,
        spans.objective,
        catalog.kpi,
        catalog.name_ja,
        catalog.name_en,
        catalog.unit,
        catalog.direction,
        {%- for side in sides %}
        {% set numerator = 'summed.' ~ side ~ '_numerator' -%}
        {% set denominator = 'summed.' ~ side ~ '_denominator' -%}
        case
            when catalog.kind in ('count', 'sum')
                then {{ numerator }} / nullif(summed.{{ side }}_days, 0)
            when catalog.kind = 'percent' then {{ percent_of(numerator, denominator) }}
            else {{ numerator }} / nullif({{ denominator }}, 0)
        end as {{ side }}_value,
        {%- endfor %}
        summed.before_days,
        cast(summed.campaign_days as bigint) as campaign_day_count,
        cast(summed.after_days as bigint) as after_day_count,
        coalesce(spans.after_to_date <= {{ as_of_date() }}, false) as is_complete,
        coalesce(
            {{ add_days('spans.after_to_date', 'catalog.matures_after_days') }}
            <= {{ as_of_date() }},
            false
        ) as is_mature,
        broken.kpi is not null as has_break,
        summed.is_left_truncated,
        spans.before_from_date,
        spans.started_date,
        spans.ended_date,
        spans.after_to_date

    from summed
    inner join spans on summed.campaign_key = spans.campaign_key
    inner join catalog on summed.kpi = catalog.kpi
    left join broken
        on summed.campaign_key = broken.campaign_key and summed.kpi = broken.kpi

),

-- where the days begin within those before, the mean would be of other days than it says
known as (

    select
        *,
        case when before_days = {{ compared_days }} then before_value end
            as known_before_value,
        is_complete and not has_break as is_comparable

    from valued

),

described as (

    select
        campaign_key,
        system,
        campaign_id,
        name,
        objective,
        kpi,
        name_ja,
        name_en,
        unit,
        direction,
        known_before_value as before_value,
        campaign_value,
        after_value,
        case when is_comparable then after_value - known_before_value end as change,
        case
            when is_comparable
                then {{ percent_of('after_value - known_before_value', 'known_before_value') }}
        end as change_rate,
        campaign_day_count,
        after_day_count,
        is_complete,
        is_mature,
        has_break,
        is_left_truncated,
        before_from_date,
        started_date,
        ended_date,
        after_to_date,
        {{ as_of_date() }} as as_of_date

    from known

)

select * from described
