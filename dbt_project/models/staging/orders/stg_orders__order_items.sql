{{ stage('orders', 'order_items') }}
