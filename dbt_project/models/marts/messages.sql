with

messages as (

    select * from {{ ref('int_messages') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

described as (

    select
        message_key,
        message_channel,
        analysed.person_key,
        system,
        message_id,
        campaign_id,
        flow_id,
        variant,
        analysed.person_key is null as is_anonymous,
        is_delivered,
        is_delivery_reported,
        is_bounced,
        is_opened,
        is_opened_by_person,
        is_clicked,
        is_unsubscribed,
        is_complained,
        sent_date,
        cast(sent_at as timestamp) as sent_at,
        cast(opened_at as timestamp) as opened_at,
        cast(clicked_at as timestamp) as clicked_at,
        cast(unsubscribed_at as timestamp) as unsubscribed_at

    from messages
    left join analysed on messages.person_key = analysed.person_key

)

select * from described
