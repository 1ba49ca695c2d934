{#- Terms of contracts that were due for renewal, and what became of them. -#}
{%- set window_days = 30 -%}
with

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

changes as (

    select * from {{ ref('int_subscription_changes') }}

),

-- the running term of the contract, and those that its changes began
terms as (

    select
        subscription_key,
        term_ends_at
    from subscriptions

    union

    select
        subscription_key,
        term_ends_at
    from changes

),

due as (

    select
        terms.subscription_key,
        subscriptions.person_key,
        terms.term_ends_at,
        {{ business_date('terms.term_ends_at') }} as term_ends_date,
        {{ business_date('subscriptions.ended_at') }} as ended_date

    from terms
    inner join subscriptions on terms.subscription_key = subscriptions.subscription_key
    where terms.term_ends_at < {{ end_of_as_of() }}

),

renewals as (

    select
        due.subscription_key,
        due.term_ends_at,
        min(abs({{ days_between(
            'due.term_ends_date', business_date('changes.effective_at')
        ) }})) as days_to_nearest

    from due
    inner join changes on due.subscription_key = changes.subscription_key
    where changes.change_type = 'renewed'
    group by due.subscription_key, due.term_ends_at

),

judged as (

    select
        due.subscription_key,
        due.person_key,
        coalesce(renewals.days_to_nearest <= {{ window_days }}, false)
        or coalesce(
            due.ended_date >= {{ add_days('due.term_ends_date', window_days) }}, true
        ) as is_renewed,
        due.term_ends_date,
        due.term_ends_at

    from due
    left join renewals
        on due.subscription_key = renewals.subscription_key
        and due.term_ends_at = renewals.term_ends_at

)

select * from judged
