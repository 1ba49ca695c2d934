{#- How a person may and should be written to. A message was answered when its reader
    opened or clicked it; where its system reports neither, it says nothing. -#}
{%- set count_days = (7, 30, 90) -%}
with

persons as (

    select * from {{ ref('int_persons') }}

),

messages as (

    select * from {{ ref('int_messages') }}
    where person_key is not null

),

invitations as (

    select * from {{ ref('int_invitations') }}
    where person_key is not null

),

contacts as (

    select person_key, sent_date from messages
    union all
    select person_key, sent_date from invitations

),

contacted as (

    select
        person_key
        {%- for days in count_days %},
        count(case when sent_date > {{ add_days(as_of_date(), -days) }} then 1 end)
            as contact_count_{{ days }}_days
        {%- endfor %}

    from contacts
    group by person_key

),

measured as (

    select
        person_key,
        message_channel,
        cast({{ business_hour('sent_at') }} as bigint) as sent_hour,
        cast({{ weekday('sent_date') }} as bigint) as sent_weekday,
        case when is_opened_by_person or is_clicked then 1 else 0 end as is_answered

    from messages
    where is_delivered and coalesce(is_opened_by_person, is_clicked) is not null
        and sent_date > {{ add_days(
            as_of_date(), '-' ~ threshold('contact_response_days')
        ) }}

),

overall as (

    select
        cast(sum(is_answered) as double) / nullif(count(*), 0) as rate,
        cast({{ threshold('contact_shrinkage_messages') }} as double) as strength

    from measured

),

slots as (

    select person_key, 'channel' as dimension, message_channel as name,
        0 as number, is_answered
    from measured

    union all

    select person_key, 'hour' as dimension, '' as name,
        sent_hour as number, is_answered
    from measured

    union all

    select person_key, 'weekday' as dimension, '' as name,
        sent_weekday as number, is_answered
    from measured

),

counted as (

    select
        person_key,
        dimension,
        name,
        number,
        count(*) as message_count,
        sum(is_answered) as answered_count

    from slots
    group by person_key, dimension, name, number

),

-- few messages lean on the overall rate; equal rates are equal to twelve digits
shrunk as (

    select
        counted.*,
        cast(
            (cast(counted.answered_count as double) + overall.strength * overall.rate)
            / (cast(counted.message_count as double) + overall.strength)
            as decimal(18, 12)
        ) as rate

    from counted
    cross join overall

),

ranked as (

    select
        *,
        row_number() over (
            partition by person_key, dimension
            order by rate desc, message_count desc, number asc, name asc
        ) as preference

    from shrunk

),

preferred as (

    select
        person_key,
        max(case when dimension = 'channel' then name end) as preferred_channel,
        max(case when dimension = 'hour' then number end) as best_hour,
        max(case when dimension = 'weekday' then number end) as best_weekday

    from ranked
    where preference = 1
    group by person_key

),

consented as (

    {% for channel in contact_channels() -%}
    {{ 'union all' if not loop.first }}
    select
        person_key,
        '{{ channel }}' as channel
    from ({{ persons_who_allow('marketing_' ~ channel) }}) as allowing
    {% endfor %}

),

contactable as (

    select
        person_key
        {%- for channel in contact_channels() %},
        max(case when channel = '{{ channel }}' then 1 end) = 1
            as is_contactable_by_{{ channel }}
        {%- endfor %}

    from consented
    group by person_key

),

policies as (

    select
        persons.person_key,
        preferred.preferred_channel,
        preferred.best_hour,
        preferred.best_weekday
        {%- for days in count_days %},
        coalesce(contacted.contact_count_{{ days }}_days, 0)
            as contact_count_{{ days }}_days
        {%- endfor %},
        coalesce(contacted.contact_count_30_days, 0)
        >= {{ threshold('contact_fatigue_30_days') }} as is_contact_fatigued
        {%- for channel in contact_channels() %},
        coalesce(contactable.is_contactable_by_{{ channel }}, false)
            as is_contactable_by_{{ channel }}
        {%- endfor %}

    from persons
    left join preferred on persons.person_key = preferred.person_key
    left join contacted on persons.person_key = contacted.person_key
    left join contactable on persons.person_key = contactable.person_key

)

select * from policies
