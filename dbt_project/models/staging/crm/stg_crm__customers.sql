{{ stage('crm', 'customers') }}
