{{ config(enabled=target.type == 'duckdb', materialized='table') }}
{{ keys_of_changed_loads('crm', 'message_events') }}
