{{ stage('crm', 'consents') }}
