{{ config(meta={'kept_by': 'stg_orders__touched_orders', 'key': 'order_key'}) }}
{{ stage('orders', 'orders', touched_keys='stg_orders__touched_orders') }}
