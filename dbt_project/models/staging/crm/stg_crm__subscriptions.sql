{{ stage('crm', 'subscriptions') }}
