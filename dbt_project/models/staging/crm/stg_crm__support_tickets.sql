{{ stage('crm', 'support_tickets') }}
