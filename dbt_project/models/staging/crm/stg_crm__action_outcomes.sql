{{ stage('crm', 'action_outcomes') }}
