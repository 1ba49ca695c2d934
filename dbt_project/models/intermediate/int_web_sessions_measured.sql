{{ measure(ref('int_web_sessions_by_day'), by_person=false) }}
