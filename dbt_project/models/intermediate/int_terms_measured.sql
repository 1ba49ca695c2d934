{{ measure(ref('int_terms_by_person')) }}
