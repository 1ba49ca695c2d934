{{ stage('web', 'web_events', is_large=true, touched_keys='stg_web__touched_events') }}
