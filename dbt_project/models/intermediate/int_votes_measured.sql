{{ measure(ref('int_votes_by_person')) }}
