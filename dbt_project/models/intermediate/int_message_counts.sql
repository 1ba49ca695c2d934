{#- Messages one by one and the totals of systems that give no more, in one stream. Of each
    rate the part and its base are known together or not at all, and the part is of the
    base: an unsubscription through what never arrived is in no rate. -#}
{%- set rates = {
    'delivery': ('arrived', 'sent'),
    'open': ('read_by_persons', 'delivered'),
    'raw_open': ('opened', 'delivered'),
    'click': ('clicked', 'delivered'),
    'click_to_open': ('clicked', 'read_or_clicked'),
    'unsubscribe': ('unsubscribed', 'delivered'),
    'bounce': ('bounced', 'sent'),
} -%}
with

messages as (

    select * from {{ ref('int_messages') }}

),

-- a channel of totals is free text: Email is email
totals as (

    select
        *,
        lower(channel) as message_channel

    from {{ ref('stg_crm__message_stats_daily') }}
    where date <= {{ as_of_date() }}

),

told_apart as (

    select distinct
        system,
        message_channel

    from messages

),

reporting as (

    select
        system,
        count(delivered) > 0 as reports_deliveries,
        count(bounced) > 0 as reports_bounces

    from totals
    group by system

),

-- a total of what is told one by one as well would count it twice
only_totals as (

    select
        totals.*,
        reporting.reports_deliveries or reporting.reports_bounces as is_delivery_reported,
        case
            when reporting.reports_deliveries or totals.sent is null then totals.delivered
            else totals.sent - coalesce(totals.bounced, 0)
        end as derived_delivered

    from totals
    inner join reporting on totals.system = reporting.system
    left join told_apart
        on totals.system = told_apart.system
        and totals.message_channel = told_apart.message_channel
    where told_apart.system is null

),

streamed as (

    select
        person_key,
        sent_date as day,
        message_channel,
        {{ cut_id('messages', 'campaign') }} as campaign,
        1 as messages,
        1 as sent,
        case when is_delivered then 1 else 0 end as delivered,
        case
            when is_delivery_reported then case when is_delivered then 1 else 0 end
        end as arrived,
        cast(is_bounced as int) as bounced,
        cast(is_opened as int) as opened,
        cast(is_opened_by_person as int) as read_by_persons,
        cast(is_clicked as int) as clicked,
        case
            when is_opened_by_person is not null and is_clicked is not null
                then case when is_opened_by_person or is_clicked then 1 else 0 end
        end as read_or_clicked,
        cast(is_unsubscribed as int) as unsubscribed

    from messages

    union all

    select
        cast(null as string) as person_key,
        date as day,
        message_channel,
        {{ cut_id('only_totals', 'campaign') }} as campaign,
        0 as messages,
        sent,
        derived_delivered as delivered,
        case when is_delivery_reported then derived_delivered end as arrived,
        bounced,
        opened,
        cast(null as bigint) as read_by_persons,
        clicked,
        cast(null as bigint) as read_or_clicked,
        unsubscribed

    from only_totals

),

counts as (

    select
        person_key,
        day,
        message_channel,
        campaign,
        messages,
        case when message_channel = 'email' then 1 else 0 end as is_email,
        case when message_channel = 'email' then messages else 0 end as emails
        {%- for rate, (part, base) in rates.items() %},
        {%- set known = part ~ ' + ' ~ base ~ ' is not null' %}
        {%- if rate in ('open', 'raw_open', 'click_to_open') -%}
            {%- set known = known ~ " and message_channel = 'email'" -%}
        {%- endif %}
        case when {{ known }} then {{ base }} end as {{ rate }}_base,
        case when {{ known }} then least({{ part }}, {{ base }}) end as {{ rate }}_part
        {%- endfor %}

    from streamed

)

select * from counts
