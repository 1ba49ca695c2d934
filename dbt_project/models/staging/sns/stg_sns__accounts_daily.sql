{{ stage('sns', 'accounts_daily') }}
