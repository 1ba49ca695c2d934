{{ measure(ref('int_tickets_by_person')) }}
