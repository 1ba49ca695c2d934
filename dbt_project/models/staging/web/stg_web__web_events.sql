{{ stage('web', 'web_events', is_large=true) }}
