{{ stage('survey', 'answers') }}
