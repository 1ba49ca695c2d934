{{ stage('sns', 'mentions') }}
