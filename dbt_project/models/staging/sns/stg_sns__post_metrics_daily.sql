{{ stage('sns', 'post_metrics_daily') }}
