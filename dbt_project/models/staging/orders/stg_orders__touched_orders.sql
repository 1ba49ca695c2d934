{{ config(enabled=target.type == 'duckdb', materialized='table') }}
{{ keys_of_changed_loads('orders', 'orders') }}
