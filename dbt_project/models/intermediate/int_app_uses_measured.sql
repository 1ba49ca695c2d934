{{ measure(ref('int_app_uses_by_user')) }}
