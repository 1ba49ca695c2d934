{{ stage('crm', 'accounts', every_version=true) }}
