{{ measure(ref('int_person_states')) }}
