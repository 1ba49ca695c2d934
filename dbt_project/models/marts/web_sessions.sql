with

sessions as (

    select * from {{ ref('int_web_sessions') }}

),

analysed as (

    {{ persons_who_allow('analytics') }}

),

-- the key of a session built of events holds the id of who was there
withheld as (

    select
        sessions.session_key,
        'withheld ' || cast(row_number() over (
            order by sessions.started_at, sessions.session_key
        ) as string) as shown_key

    from sessions
    left join analysed on sessions.person_key = analysed.person_key
    where sessions.person_key is not null and analysed.person_key is null

),

described as (

    select
        coalesce(withheld.shown_key, sessions.session_key) as session_key,
        analysed.person_key,
        system,
        case
            when not is_built and withheld.session_key is null
                then substring(sessions.session_key, length(system) + 2)
        end as session_id,
        platform,
        campaign_id,
        event_count,
        {%- for event in web_event_names() %}
        {{ event }}_count,
        {%- endfor %}
        cast(dwell_seconds as double) as dwell_seconds,
        event_count = 1 as is_bounce,
        document_download_count > 0 as has_download,
        add_to_cart_count > 0 as has_cart,
        begin_checkout_count > 0 as has_checkout,
        purchase_count > 0 as has_purchase,
        session_date,
        cast(started_at as timestamp) as started_at,
        cast(ended_at as timestamp) as ended_at

    from sessions
    left join analysed on sessions.person_key = analysed.person_key
    left join withheld on sessions.session_key = withheld.session_key

)

select * from described
