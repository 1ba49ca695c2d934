{{ measure(ref('int_ugc_by_platform'), by_person=false) }}
