{{ stage('crm', 'feedback_items') }}
