{{ measure(ref('int_acquisitions'), by_person=false) }}
