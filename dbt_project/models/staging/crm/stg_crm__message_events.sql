{{ config(meta={'kept_by': 'stg_crm__touched_message_events', 'key': 'event_key'}) }}
{{ stage('crm', 'message_events', touched_keys='stg_crm__touched_message_events') }}
