"""raw/survey/answers: scores that use their scale."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("an answer that says nothing", "numeric_value is null and text_value is null", 50),
    seldom(
        "one score in all NPS answers",
        "numeric_value = (select mode(numeric_value) from {batch} where question_code = 'nps')",
        95,
        of="question_code = 'nps'",
    ),
]
