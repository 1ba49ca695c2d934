{{ stage('survey', 'responses') }}
