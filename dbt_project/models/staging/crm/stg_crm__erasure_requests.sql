{{ stage('crm', 'erasure_requests') }}
