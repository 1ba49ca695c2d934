"""messages: messages that arrive, and are answered after they were sent."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("bounced", "is_bounced", 20, of="is_bounced is not null"),
    seldom("sent to nobody known", "is_anonymous", 50),
    seldom("opened before it was sent", "opened_at < sent_at", 1),
    never("bounced by a click", "is_clicked and not is_delivered"),
]
