{{ stage('orders', 'products') }}
