{{ stage('web', 'search_daily') }}
