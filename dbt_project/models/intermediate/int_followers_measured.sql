{{ measure(ref('int_followers_by_account'), by_person=false) }}
