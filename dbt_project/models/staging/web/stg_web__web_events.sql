{{ stage('web', 'web_events') }}
