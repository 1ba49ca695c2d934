{{ stage('survey', 'invitations') }}
