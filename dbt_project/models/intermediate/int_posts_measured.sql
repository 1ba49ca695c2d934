{{ measure(ref('int_posts_by_platform'), by_person=false) }}
