{{ measure(ref('int_searches_by_day'), by_person=false) }}
