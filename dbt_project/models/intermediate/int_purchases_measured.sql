{{ measure(ref('int_purchases_by_person')) }}
