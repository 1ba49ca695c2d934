{{ measure(ref('int_activations_by_person')) }}
