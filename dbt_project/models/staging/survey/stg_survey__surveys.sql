{{ stage('survey', 'surveys') }}
