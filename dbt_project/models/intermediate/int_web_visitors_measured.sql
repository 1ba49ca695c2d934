{{ measure(ref('int_web_visitors_by_day'), by_person=false) }}
