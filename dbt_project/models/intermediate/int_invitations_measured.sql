{{ measure(ref('int_invitations_by_person')) }}
