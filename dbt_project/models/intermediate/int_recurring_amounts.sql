{#- What contracts are worth, in their own currency. A year's amount is exact where a
    month's twelfth is not: sum years, and divide once. -#}
with

subscriptions as (

    select
        *,
        coalesce(ended_at, {{ end_of_as_of() }}) as runs_to
    from {{ ref('int_subscriptions') }}

),

changes as (

    select * from {{ ref('int_subscription_changes') }}
    where amount is not null

),

-- the subscription's own amount holds until the first change that has one
turns as (

    select
        subscription_key,
        started_at as holds_from,
        amount,
        cast(null as timestamp) as effective_at,
        cast(null as string) as change_key

    from subscriptions

    union all

    select
        changes.subscription_key,
        greatest(changes.effective_at, subscriptions.started_at) as holds_from,
        changes.amount,
        changes.effective_at,
        changes.change_key

    from changes
    inner join subscriptions
        on changes.subscription_key = subscriptions.subscription_key
    where changes.effective_at < subscriptions.runs_to

),

spans as (

    select
        *,
        lead(holds_from) over (
            partition by subscription_key
            order by effective_at nulls first, change_key
        ) as next_holds_from

    from turns

),

valued as (

    select
        spans.subscription_key,
        subscriptions.person_key,
        subscriptions.currency,
        cast(
            cast(spans.amount as decimal(20, 4))
            * case subscriptions.billing_period when 'month' then 12 else 1 end
            as decimal(20, 4)
        ) as yearly_amount,
        spans.holds_from,
        coalesce(spans.next_holds_from, subscriptions.runs_to) as holds_to

    from spans
    inner join subscriptions on spans.subscription_key = subscriptions.subscription_key
    where spans.next_holds_from is null or spans.holds_from < spans.next_holds_from

)

select * from valued
