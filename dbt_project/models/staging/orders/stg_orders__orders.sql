{{ stage('orders', 'orders') }}
