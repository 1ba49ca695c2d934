{{ measure(ref('int_new_customers_by_person')) }}
