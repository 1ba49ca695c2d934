{{ stage('crm', 'customers', every_version=true) }}
