{{ stage('web', 'ads_daily') }}
