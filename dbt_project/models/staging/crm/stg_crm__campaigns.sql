{{ stage('crm', 'campaigns') }}
