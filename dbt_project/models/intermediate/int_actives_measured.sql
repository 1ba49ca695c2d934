{{ measure(ref('int_actives_by_person')) }}
