{{ stage('sns', 'posts') }}
