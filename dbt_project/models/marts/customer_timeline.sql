{#- What happens to and by a person, each kind from the model that knows it. An instant
    that nobody knows closer is the beginning of its business date. -#}
{%- set amount = "cast(null as decimal(38, 12))" -%}
{%- set score = "cast(null as double)" -%}
{%- set things = [
    ('order_placed', 'int_orders', 'order_key', 'ordered_at', 'order_channel',
     'goods_amount', score),
    ('refunded', 'int_refunds', 'refund_key', 'refunded_at', 'reason', '-refund_amount',
     score),
    ('contract_started', 'int_subscriptions', 'subscription_key', 'started_at', 'plan',
     amount, score),
    ('contract_ended', 'int_subscriptions', 'subscription_key', 'ended_at',
     'cancel_reason', amount, score),
    ('survey_invited', 'int_invitations', 'invitation_key', 'sent_at', 'channel', amount,
     score),
    ('survey_answered', 'responses', 'response_key', 'responded_at', 'survey_kind',
     amount, 'nps_score'),
    ('ticket_opened', 'int_tickets', 'ticket_key', 'opened_at', 'category', amount, score),
    ('ticket_resolved', 'int_tickets', 'ticket_key', 'resolved_at', 'category', amount,
     score),
    ('message_sent', 'messages', 'message_key', 'sent_at', 'message_channel', amount,
     score),
    ('message_opened', 'messages', 'message_key', 'opened_at', 'message_channel', amount,
     score),
    ('message_clicked', 'messages', 'message_key', 'clicked_at', 'message_channel',
     amount, score),
    ('message_unsubscribed', 'messages', 'message_key', 'unsubscribed_at',
     'message_channel', amount, score),
    ('web_session', 'int_web_sessions', 'session_key', 'started_at', 'platform', amount,
     score),
    ('app_used', 'app_days', 'app_day_key', 'day_at', 'platform', amount, score),
    ('community_act', 'int_community_acts', 'event_key', 'occurred_at', 'event_type',
     amount, score),
    ('mentioned_us', 'mentions', 'mention_key', 'occurred_at', 'platform', amount,
     'rating'),
    ('referral_made', 'referrals', 'referral_key', 'referred_at', none, amount,
     score),
    ('referral_converted', 'referrals', 'referral_key', 'converted_at', none,
     amount, score),
    ('stage_reached', 'stages', 'stage_key', 'reached_at', 'stage', amount, score),
] -%}
{%- set made_here = ['responses', 'messages', 'app_days', 'mentions', 'referrals', 'stages'] -%}
with

analysed as (

    {{ persons_who_allow('analytics') }}

),

nps_votes as (

    select
        response_key,
        max(score) as nps_score

    from {{ ref('int_votes') }}
    where question_code = 'nps'
    group by response_key

),

responses as (

    select
        responses.*,
        nps_votes.nps_score

    from {{ ref('int_responses') }} as responses
    left join nps_votes on responses.response_key = nps_votes.response_key
    where responses.is_complete
        and coalesce(responses.survey_kind, 'unknown') <> 'employee'

),

messages as (

    select
        person_key,
        message_key || ' ' || message_channel as message_key,
        message_channel,
        sent_at,
        opened_at,
        clicked_at,
        unsubscribed_at

    from {{ ref('int_messages') }}

),

app_days as (

    select
        person_key,
        platform,
        concat(user_key, ' ', cast(day as string), ' ', coalesce(platform, ''))
            as app_day_key,
        {{ start_of('day') }} as day_at

    from {{ ref('int_app_uses') }}
    where opens_app = 1

),

mentions as (

    select
        person_key,
        platform || ' ' || mention_key as mention_key,
        platform,
        rating,
        occurred_at

    from {{ ref('int_mentions') }}

),

referrals as (

    select
        referrer_key as person_key,
        referral_key,
        referred_at,
        converted_at

    from {{ ref('int_referrals') }}

),

-- a stage is held from the date after the one that brought the person there
stages as (

    select
        person_key,
        concat(person_key, ' ', cast(valid_from as string)) as stage_key,
        stage,
        {{ start_of(add_days('valid_from', -1)) }} as reached_at

    from {{ ref('int_stage_spans') }}
    where valid_from > cast('0001-01-02' as date)
        and valid_from <= {{ day_after_as_of() }}

),

happened as (

    {% for kind, model, key, at, detail, amount, score in things -%}
    {{ 'union all' if not loop.first }}
    select
        person_key,
        '{{ kind }}' as kind,
        {{ key }} as subject_key,
        {{ detail or 'cast(null as string)' }} as detail,
        {{ amount }} as amount,
        cast({{ score }} as double) as score,
        {{ at }} as occurred_at
    from {{ model if model in made_here else ref(model) }}
    where person_key is not null and {{ at }} is not null
    {% endfor %}

),

described as (

    select
        concat(kind, ':', subject_key) as timeline_key,
        happened.person_key,
        kind,
        subject_key,
        detail,
        cast(round(amount, 4) as decimal(38, 4)) as amount,
        score,
        {{ business_date('occurred_at') }} as occurred_date,
        cast(occurred_at as timestamp) as occurred_at

    from happened
    inner join analysed on happened.person_key = analysed.person_key

)

select * from described
