"""What a person may ask of the company: to be forgotten, and to be told what is held of them."""
