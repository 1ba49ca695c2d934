{#- An e-mail that a later full export lacks was theirs when they wrote by it. -#}
{{ stage('crm', 'identities', keep_closed=true) }}
