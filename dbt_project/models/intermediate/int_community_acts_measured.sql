{{ measure(ref('int_community_acts_by_person')) }}
