{#- What a system never reports is unknown of its messages, and not a no. -#}
with

events as (

    select
        *,
        coalesce(channel, 'email') as message_channel

    from {{ ref('stg_crm__message_events') }}
    where occurred_at < {{ end_of_as_of() }}

),

person_ids as (

    select * from {{ ref('int_person_ids') }}

),

email_owners as (

    select * from {{ ref('int_email_owners') }}

),

-- one message is one message id of a channel of a system
gathered as (

    select
        message_key,
        message_channel,
        min(system) as system,
        min(message_id) as message_id,
        min(customer_key) as customer_key,
        min(recipient) as recipient,
        min(campaign_key) as campaign_key,
        min(campaign_id) as campaign_id,
        min(flow_id) as flow_id,
        min(variant) as variant,
        max(case when event_type in ('delivered', 'opened', 'clicked') then 1 else 0 end)
            = 1 as has_arrived,
        max(case when event_type = 'bounced' then 1 else 0 end) = 1 as has_bounced,
        max(case when event_type = 'opened' then 1 else 0 end) = 1 as is_opened,
        max(case when event_type = 'clicked' then 1 else 0 end) = 1 as is_clicked,
        max(case when event_type = 'unsubscribed' then 1 else 0 end) = 1
            as is_unsubscribed,
        max(case when event_type = 'complained' then 1 else 0 end) = 1 as is_complained,
        coalesce(
            min(case when event_type = 'sent' then occurred_at end), min(occurred_at)
        ) as sent_at,
        min(case
            when event_type = 'opened' and not coalesce(is_machine_open, false)
                then occurred_at
        end) as opened_at,
        min(case when event_type = 'clicked' then occurred_at end) as clicked_at,
        min(case when event_type = 'unsubscribed' then occurred_at end)
            as unsubscribed_at

    from events
    group by message_key, message_channel

),

systems as (

    select
        system,
        max(case when event_type = 'delivered' then 1 else 0 end) = 1
            as reports_deliveries,
        max(case when event_type = 'bounced' then 1 else 0 end) = 1 as reports_bounces,
        max(case when event_type = 'opened' then 1 else 0 end) = 1 as reports_opens,
        max(case when event_type = 'clicked' then 1 else 0 end) = 1 as reports_clicks,
        max(case when event_type = 'unsubscribed' then 1 else 0 end) = 1
            as reports_unsubscriptions,
        max(case when event_type = 'complained' then 1 else 0 end) = 1
            as reports_complaints

    from events
    group by system

),

judged as (

    select
        gathered.message_key,
        gathered.message_channel,
        coalesce(person_ids.person_key, email_owners.person_key) as person_key,
        gathered.system,
        gathered.message_id,
        gathered.campaign_key,
        gathered.campaign_id,
        gathered.flow_id,
        gathered.variant,
        gathered.has_arrived
        or (not systems.reports_deliveries and not gathered.has_bounced) as is_delivered,
        systems.reports_deliveries or systems.reports_bounces as is_delivery_reported,
        case when systems.reports_bounces then gathered.has_bounced end as is_bounced,
        case when systems.reports_opens then gathered.is_opened end as is_opened,
        case when systems.reports_opens then gathered.opened_at is not null end
            as is_opened_by_person,
        case when systems.reports_clicks then gathered.is_clicked end as is_clicked,
        case when systems.reports_unsubscriptions then gathered.is_unsubscribed end
            as is_unsubscribed,
        case when systems.reports_complaints then gathered.is_complained end
            as is_complained,
        gathered.sent_at,
        {{ business_date('gathered.sent_at') }} as sent_date,
        gathered.opened_at,
        gathered.clicked_at,
        gathered.unsubscribed_at

    from gathered
    inner join systems on gathered.system = systems.system
    left join person_ids on gathered.customer_key = person_ids.customer_key
    left join email_owners on gathered.recipient = email_owners.email

)

select * from judged
