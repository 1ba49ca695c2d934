{#- What the health score looks at, as numbers. Null is a part without data: nothing is
    known, and that is neither good nor bad. -#}
{%- set looking_back = {
    'frequency_trend': 2, 'app_use': 1, 'feature_use': 1, 'last_nps': 1,
    'open_tickets': 1, 'ticket_trend': 2, 'message_response': 1,
} -%}
with

persons as (

    select * from {{ ref('int_persons') }}

),

components as (

    select * from {{ ref('health_components') }}

),

orders as (

    select * from {{ ref('int_orders') }}
    where person_key is not null

),

app_uses as (

    select * from {{ ref('int_app_uses') }}
    where person_key is not null

),

votes as (

    select * from {{ ref('int_votes') }}
    where question_code = 'nps' and survey_kind <> 'employee' and person_key is not null

),

tickets as (

    select * from {{ ref('int_tickets') }}
    where person_key is not null

),

messages as (

    select * from {{ ref('int_messages') }}
    where person_key is not null and is_delivered
        and coalesce(is_opened_by_person, is_clicked) is not null

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}
    where ended_at is null

),

changes as (

    select * from {{ ref('int_subscription_changes') }}
    where term_ends_at is not null

),

-- each window holds the business dates after this one; a trend looks at two of them
windows as (

    select
        {%- for component, windows in looking_back.items() %}
        {%- for window in range(1, windows + 1) %}
        max(case when component = '{{ component }}' then
            {{ add_days(as_of_date(), '-' ~ window ~ ' * window_days') }}
        end) as {{ component }}_{{ window }},
        {%- endfor %}
        {%- endfor %}
        count(*) as component_count

    from components

),

ordered as (

    select
        orders.person_key,
        min(orders.ordered_date) as first_ordered_date,
        max(orders.ordered_date) as last_ordered_date,
        count(case when orders.ordered_date > windows.frequency_trend_1 then 1 end)
            as recent_count,
        count(case
            when orders.ordered_date > windows.frequency_trend_2
                and orders.ordered_date <= windows.frequency_trend_1 then 1
        end) as earlier_count,
        max(windows.frequency_trend_2) as trend_begins_after

    from orders
    cross join windows
    group by orders.person_key

),

used as (

    select
        app_uses.person_key,
        sum(app_uses.app_opens) as app_opens,
        sum(app_uses.feature_uses) as feature_uses,
        count(distinct case
            when app_uses.day > windows.app_use_1 and app_uses.app_opens > 0
                then app_uses.day
        end) as recent_app_days,
        sum(case
            when app_uses.day > windows.feature_use_1 then app_uses.feature_uses else 0
        end) as recent_feature_uses

    from app_uses
    cross join windows
    group by app_uses.person_key

),

voted as (

    select
        votes.person_key,
        votes.score,
        row_number() over (
            partition by votes.person_key
            order by
                votes.responded_at desc, votes.response_id desc,
                votes.response_key desc, votes.score desc
        ) as recency

    from votes
    cross join windows
    where votes.day > windows.last_nps_1

),

asked as (

    select
        tickets.person_key,
        count(case
            when tickets.opened_date > windows.open_tickets_1
                or tickets.resolved_at is null then 1
        end) as known_count,
        count(case when tickets.resolved_at is null then 1 end) as open_count,
        count(case when tickets.opened_date > windows.ticket_trend_1 then 1 end)
            as recent_count,
        count(case
            when tickets.opened_date > windows.ticket_trend_2
                and tickets.opened_date <= windows.ticket_trend_1 then 1
        end) as earlier_count

    from tickets
    cross join windows
    group by tickets.person_key

),

written_to as (

    select
        messages.person_key,
        count(*) as message_count,
        count(case when messages.is_opened_by_person or messages.is_clicked then 1 end)
            as answered_count

    from messages
    cross join windows
    where messages.sent_date > windows.message_response_1
    group by messages.person_key

),

-- the running term is that of the last change that says so, else the subscription's
terms as (

    select
        subscription_key,
        term_ends_at,
        row_number() over (
            partition by subscription_key
            order by effective_at desc, term_ends_at desc, change_key desc
        ) as recency

    from changes

),

contracts as (

    select
        subscriptions.person_key,
        min(subscriptions.started_date) as started_date,
        min(case
            when coalesce(terms.term_ends_at, subscriptions.term_ends_at)
                >= {{ end_of_as_of() }}
                then {{ business_date(
                    'coalesce(terms.term_ends_at, subscriptions.term_ends_at)'
                ) }}
        end) as renewal_date

    from subscriptions
    left join terms
        on subscriptions.subscription_key = terms.subscription_key and terms.recency = 1
    group by subscriptions.person_key

),

signals as (

    select
        persons.person_key,
        {{ days_between('ordered.last_ordered_date', as_of_date()) }} as recency,
        -- who came inside the two windows has no trend yet
        case when ordered.first_ordered_date <= ordered.trend_begins_after then
            cast(ordered.recent_count - ordered.earlier_count as double)
            / nullif(cast(ordered.recent_count + ordered.earlier_count as double), 0)
        end as frequency_trend,
        case when used.app_opens > 0 then used.recent_app_days end as app_use,
        case
            when used.app_opens + used.feature_uses > 0
                and (select sum(feature_uses) from app_uses) > 0
                then used.recent_feature_uses
        end as feature_use,
        voted.score as last_nps,
        case when asked.known_count > 0 then asked.open_count end as open_tickets,
        case
            when asked.recent_count + asked.earlier_count > 0
                then asked.recent_count - asked.earlier_count
        end as ticket_trend,
        100 * cast(written_to.answered_count as double) / written_to.message_count
            as message_response,
        {{ days_between(as_of_date(), 'contracts.renewal_date') }} as days_to_renewal,
        {{ days_between('contracts.started_date', as_of_date()) }} as contract_age

    from persons
    left join ordered on persons.person_key = ordered.person_key
    left join used on persons.person_key = used.person_key
    left join voted on persons.person_key = voted.person_key and voted.recency = 1
    left join asked on persons.person_key = asked.person_key
    left join written_to on persons.person_key = written_to.person_key
    left join contracts on persons.person_key = contracts.person_key

),

typed as (

    select
        person_key
        {%- for component in health_components() %},
        cast({{ component }} as double) as {{ component }}
        {%- endfor %}

    from signals

)

select * from typed
