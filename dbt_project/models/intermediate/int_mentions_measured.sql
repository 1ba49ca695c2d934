{{ measure(ref('int_mentions_by_platform'), by_person=false) }}
