{{ stage('crm', 'identities') }}
