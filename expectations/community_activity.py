"""community_activity: things done by many, rated on the scale."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("done by nobody known", "person_key is null and activity_type <> 'mention'", 50),
    never("rated off the scale", "rating not between 1 and 5"),
    never("coming to an event, and yet content", "is_ugc and activity_type like 'event%'"),
]
