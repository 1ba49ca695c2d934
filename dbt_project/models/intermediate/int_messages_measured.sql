{{ measure(ref('int_messages_by_person')) }}
