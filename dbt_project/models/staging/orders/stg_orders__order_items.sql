{{ config(meta={'kept_by': 'stg_orders__touched_order_items', 'key': 'order_item_key'}) }}
{{ stage('orders', 'order_items', touched_keys='stg_orders__touched_order_items') }}
