{{ measure(ref('int_ads_by_day'), by_person=false) }}
