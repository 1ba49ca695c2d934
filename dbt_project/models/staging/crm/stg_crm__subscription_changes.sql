{{ stage('crm', 'subscription_changes') }}
