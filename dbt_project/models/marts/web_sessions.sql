with

sessions as (

    select * from {{ ref('int_web_sessions') }}

),

described as (

    select
        session_key,
        person_key,
        system,
        case
            when not is_built then substring(session_key, length(system) + 2)
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

)

select * from described
