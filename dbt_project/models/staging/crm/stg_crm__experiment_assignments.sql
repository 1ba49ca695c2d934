{{ stage('crm', 'experiment_assignments') }}
