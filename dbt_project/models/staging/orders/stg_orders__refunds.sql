{{ stage('orders', 'refunds') }}
