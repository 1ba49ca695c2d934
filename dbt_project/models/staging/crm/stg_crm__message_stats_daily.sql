{{ stage('crm', 'message_stats_daily') }}
