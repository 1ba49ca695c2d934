{{ measure(ref('int_ticket_times')) }}
