{{ measure(ref('int_item_purchases_by_person')) }}
