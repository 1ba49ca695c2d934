{{ measure(ref('int_lifetime_values_by_person')) }}
