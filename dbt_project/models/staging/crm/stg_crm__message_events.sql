{{ stage('crm', 'message_events') }}
