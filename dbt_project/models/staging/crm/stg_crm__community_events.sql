{{ stage('crm', 'community_events') }}
